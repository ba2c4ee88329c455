import { EndpointError } from "./endpoint-error.ts";

/** A caption from the endpoint. */
export interface ChatAnswer {
  readonly caption: string;
  /** Whether it was cut off at the token limit. */
  readonly cut: boolean;
  /** Tokens of request and answer together, if the endpoint counts them. */
  readonly tokens: number | undefined;
}

/** The parts of an answer to `/chat/completions` that are read, all of which may be missing. */
interface Completion {
  readonly choices?: readonly {
    readonly finish_reason?: unknown;
    readonly message?: { readonly content?: unknown; readonly refusal?: unknown };
  }[];
  readonly usage?: { readonly total_tokens?: unknown };
}

/** Reads an answer. Throws EndpointError: `later` for an invalid or empty one, `picture` for a refusal. */
export function readChatAnswer(
  where: string,
  body: string,
  show: (words: string) => string = shortened,
): ChatAnswer {
  const completion = parse(body);
  const choice = completion?.choices?.[0];
  if (choice?.message === undefined || choice.message === null) {
    throw new EndpointError(
      "later",
      `${where}: expected a chat completion but received ${show(body) || "an empty body"}; check the endpoint's address`,
    );
  }
  const { content, refusal } = choice.message;
  if (typeof refusal === "string" && refusal !== "") {
    throw new EndpointError("picture", `${where}: the model refused: ${show(refusal)}`);
  }
  if (choice.finish_reason === "content_filter") {
    throw new EndpointError(
      "picture",
      `${where}: the endpoint's content filter blocked the caption`,
    );
  }
  const cut = choice.finish_reason === "length";
  const caption = captionIn(content);
  if (caption === "") {
    throw new EndpointError(
      cut ? "picture" : "later",
      cut
        ? `${where}: the tokens ran out before the caption started; allow more of them, or turn the model's thinking off`
        : `${where}: expected a caption but received an empty one`,
    );
  }
  const total = completion?.usage?.total_tokens;
  return { caption, cut, tokens: typeof total === "number" && total >= 0 ? total : undefined };
}

function parse(body: string): Completion | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Some servers answer in several parts. A model's reasoning is not part of the caption. */
function captionIn(content: unknown): string {
  const parts: readonly unknown[] = Array.isArray(content) ? content : [content];
  const text = parts.map(textOf).join("");
  return text.replace(/^\s*<think>(.*?<\/think>|.*$)/s, "").trim();
}

const textOf = (part: unknown): string => {
  if (typeof part === "string") return part;
  const text = (part as { readonly text?: unknown } | null | undefined)?.text;
  return typeof text === "string" ? text : "";
};

const LONGEST = 200;

/** Shortens a text from outside for a message: one line, without control characters. */
export function shortened(text: string): string {
  const line = text.replace(/[\s\p{C}]+/gu, " ").trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}
