import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { GrowingFile } from "../files/growing-file.ts";
import { makeFolder } from "../files/make-folder.ts";
import { cutFile } from "../files/open-file.ts";
import { BadFileError, quote } from "../files/reading/errors.ts";
import { readLines } from "../files/reading/lines.ts";

/** One answer: a line of the journal. */
export interface JournalLine {
  /** The picture's name in its data set. */
  readonly file: string;
  readonly caption: string;
  /** Whether the caption was cut off at the token limit. */
  readonly cut: boolean;
  readonly model: string;
  readonly prompt: string;
  readonly tokens: number | null;
  /** ISO 8601. */
  readonly time: string;
}

/** Which answers are used: those of this model to this prompt. */
export type Asked = Pick<JournalLine, "model" | "prompt">;

const WHEN_FULL = "earlier captions are kept: free some space and run the same command again";

/**
 * Answers in order of arrival, one JSON object per line, so that a killed run only loses pending requests. An incomplete last
 * line is dropped; any other invalid line throws BadFileError.
 */
export class CaptionJournal implements Disposable {
  /** The used answers by the picture's name; of two, the later one. */
  readonly captions: ReadonlyMap<string, Pick<JournalLine, "caption" | "cut">>;
  /** Number of answers from other models or to other prompts. */
  readonly others: number;
  readonly #captions: Map<string, Pick<JournalLine, "caption" | "cut">>;
  readonly #asked: Asked;
  readonly #file: GrowingFile;

  private constructor(
    path: string,
    asked: Asked,
    captions: Map<string, Pick<JournalLine, "caption" | "cut">>,
    others: number,
  ) {
    this.captions = captions;
    this.others = others;
    this.#captions = captions;
    this.#asked = asked;
    this.#file = GrowingFile.open(path, WHEN_FULL);
  }

  /** Opens or creates a journal. */
  static async open(path: string, asked: Asked): Promise<CaptionJournal> {
    await makeFolder(dirname(path));
    const captions = new Map<string, Pick<JournalLine, "caption" | "cut">>();
    let others = 0;
    let end = 0;
    for await (const lines of existsSync(path) ? readLines(path) : []) {
      for (const { number, bytes, next, isWhole } of lines) {
        if (!isWhole) {
          await cutFile(path, end);
          break;
        }
        end = next;
        const text = bytes.toString();
        if (text.trim() === "") continue;
        const { file, caption, cut, model, prompt } = parseLine(path, number, text);
        if (model === asked.model && prompt === asked.prompt) captions.set(file, { caption, cut });
        else others += 1;
      }
    }
    return new CaptionJournal(path, asked, captions, others);
  }

  /** Adds an answer. From then on it survives the end of the process, and a power failure once the journal is closed. */
  append(answer: Pick<JournalLine, "file" | "caption" | "cut" | "tokens">): void {
    const { file, caption, cut, tokens } = answer;
    const { model, prompt } = this.#asked;
    const time = new Date().toISOString();
    const line: JournalLine = { file, caption, cut, model, prompt, tokens, time };
    this.#file.append(Buffer.from(`${JSON.stringify(line)}\n`));
    this.#captions.set(file, { caption, cut });
  }

  [Symbol.dispose](): void {
    try {
      this.#file.sync();
    } finally {
      this.#file[Symbol.dispose]();
    }
  }
}

function parseLine(path: string, number: number, text: string): JournalLine {
  const line = parse(text);
  const isLine =
    typeof line?.file === "string" &&
    typeof line.caption === "string" &&
    typeof line.model === "string" &&
    typeof line.prompt === "string";
  if (isLine) return { ...(line as unknown as JournalLine), cut: line.cut === true };
  throw new BadFileError(
    path,
    `line ${number}`,
    "an answer with file, caption, model and prompt",
    quote(text),
    "remove the line, or name another file with --journal",
  );
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
