import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { GrowingFile } from "../files/growing-file.ts";
import { makeFolder } from "../files/make-folder.ts";
import { cutFile } from "../files/open-file.ts";
import { BadFileError, quote } from "../files/reading/errors.ts";
import { namingPath } from "../files/reading/system-error.ts";

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

const NEWLINE = 10;
const CHUNK_BYTES = 2 ** 20;
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
    for await (const { number, text, next, isWhole } of linesOf(path)) {
      if (!isWhole) {
        await cutFile(path, end);
        break;
      }
      end = next;
      if (text.trim() === "") continue;
      const { file, caption, cut, model, prompt } = parseLine(path, number, text);
      if (model === asked.model && prompt === asked.prompt) captions.set(file, { caption, cut });
      else others += 1;
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

interface Line {
  /** Counted from 1. */
  readonly number: number;
  readonly text: string;
  /** Start of the next line, in bytes. */
  readonly next: number;
  /** Whether it ends with a newline. */
  readonly isWhole: boolean;
}

/** The lines of a file that may be larger than a string can be; none if it does not exist. */
async function* linesOf(path: string): AsyncGenerator<Line> {
  const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (file === undefined) return;
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let rest = Buffer.alloc(0);
    let next = 0;
    let number = 0;
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES).catch(namingPath(path));
      if (bytesRead === 0) break;
      let held = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      for (let at = held.indexOf(NEWLINE); at >= 0; at = held.indexOf(NEWLINE)) {
        next += at + 1;
        number += 1;
        yield { number, text: held.toString("utf8", 0, at), next, isWhole: true };
        held = held.subarray(at + 1);
      }
      rest = held;
    }
    if (rest.length > 0) {
      yield { number: number + 1, text: rest.toString(), next: next + rest.length, isWhole: false };
    }
  } finally {
    await file.close();
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
