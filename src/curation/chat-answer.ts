import { EndpointError } from "./endpoint-error.ts";

/** A caption as the endpoint gave it. */
export interface ChatAnswer {
  readonly caption: string;
  /** Whether it ended at the limit of tokens and not by itself. */
  readonly cut: boolean;
  /** Tokens of request and answer together, where the endpoint counts them. */
  readonly tokens: number | undefined;
}

/** What is read of an answer to `/chat/completions`; nothing of it is taken for granted. */
interface Completion {
  readonly choices?: readonly {
    readonly finish_reason?: unknown;
    readonly message?: { readonly content?: unknown; readonly refusal?: unknown };
  }[];
  readonly usage?: { readonly total_tokens?: unknown };
}

/** Reads an answer. Throws EndpointError: `later` for what is no answer and for an empty one, `picture` for a refusal. */
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
    throw new EndpointError("picture", `${where}: the model refuses: ${show(refusal)}`);
  }
  if (choice.finish_reason === "content_filter") {
    throw new EndpointError("picture", `${where}: the endpoint's content filter took the caption`);
  }
  const cut = choice.finish_reason === "length";
  const caption = captionIn(content);
  if (caption === "") {
    throw new EndpointError(
      cut ? "picture" : "later",
      cut
        ? `${where}: the tokens were spent before the caption began; allow more of them, or turn the model's thinking off`
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

/** Some servers answer in parts. What a model thought before it spoke is no caption. */
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

/** Somebody else's words as they may stand in a message: one line, short, without the terminal's control characters. */
export function shortened(text: string): string {
  const line = text.replace(/[\s\p{C}]+/gu, " ").trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}
