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
  /** The dense caption that the picture had when it was asked for. */
  readonly replaces?: string | undefined;
  readonly model: string;
  readonly prompt: string;
  readonly tokens: number | null;
  /** ISO 8601. */
  readonly time: string;
}

/** Which answers are used: those of this model to this prompt. */
export type Asked = Pick<JournalLine, "model" | "prompt">;

/** What the journal keeps of an answer in memory. */
export type JournalAnswer = Pick<JournalLine, "caption" | "cut" | "replaces">;

/** A line that says where an overwrite of existing captions begins or ends. */
interface OverwriteLine extends Asked {
  readonly overwrite: "begins" | "ends";
  /** ISO 8601. */
  readonly time: string;
}

const WHEN_FULL = "earlier captions are kept: free some space and run the same command again";

/**
 * Answers in order of arrival, one JSON object per line, so that a killed run only loses pending requests. Two other lines say
 * where an overwrite begins and ends: from the first on, only answers after it count, so that an interrupted one continues. An
 * incomplete last line is dropped; any other invalid line throws BadFileError.
 */
export class CaptionJournal implements Disposable {
  /** Number of answers from other models or to other prompts. */
  readonly others: number;
  #captions: Map<string, JournalAnswer>;
  /** Those since the beginning of an overwrite that has not ended. */
  #overwrite: Map<string, JournalAnswer> | undefined;
  readonly #asked: Asked;
  readonly #file: GrowingFile;

  private constructor(path: string, asked: Asked, { captions, overwrite, others }: JournalContent) {
    this.others = others;
    this.#captions = captions;
    this.#overwrite = overwrite;
    this.#asked = asked;
    this.#file = GrowingFile.open(path, WHEN_FULL);
  }

  /** Opens or creates a journal. */
  static async open(path: string, asked: Asked): Promise<CaptionJournal> {
    await makeFolder(dirname(path));
    const content = new JournalContent(asked);
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
        content.add(parseLine(path, number, text));
      }
    }
    return new CaptionJournal(path, asked, content);
  }

  /** The used answers by the picture's name; of two, the later one. */
  get captions(): ReadonlyMap<string, JournalAnswer> {
    return this.#captions;
  }

  /** Uses only answers since the beginning of this overwrite: of one that has not ended, or else a new one. */
  beginOverwrite(): void {
    if (this.#overwrite === undefined) this.#mark("begins");
    this.#captions = this.#overwrite ??= new Map();
  }

  /** Ends the overwrite: the next one asks for every picture again. */
  endOverwrite(): void {
    this.#mark("ends");
    this.#overwrite = undefined;
  }

  /** Adds an answer. From then on it survives the end of the process, and a power failure once the journal is closed. */
  append(answer: Omit<JournalLine, keyof Asked | "time">): void {
    const { file, caption, cut, replaces, tokens } = answer;
    const { model, prompt } = this.#asked;
    const time = new Date().toISOString();
    this.#add({ file, caption, cut, replaces, model, prompt, tokens, time });
    this.#captions.set(file, { caption, cut, replaces });
  }

  #mark(overwrite: OverwriteLine["overwrite"]): void {
    const { model, prompt } = this.#asked;
    this.#add({ overwrite, model, prompt, time: new Date().toISOString() });
  }

  #add(line: JournalLine | OverwriteLine): void {
    this.#file.append(Buffer.from(`${JSON.stringify(line)}\n`));
  }

  [Symbol.dispose](): void {
    try {
      this.#file.sync();
    } finally {
      this.#file[Symbol.dispose]();
    }
  }
}

/** What the lines of a journal add up to. */
class JournalContent {
  readonly captions = new Map<string, JournalAnswer>();
  overwrite: Map<string, JournalAnswer> | undefined;
  others = 0;
  readonly #asked: Asked;

  constructor(asked: Asked) {
    this.#asked = asked;
  }

  add(line: JournalLine | OverwriteLine): void {
    const isAsked = line.model === this.#asked.model && line.prompt === this.#asked.prompt;
    if ("overwrite" in line) {
      if (isAsked) this.overwrite = line.overwrite === "begins" ? new Map() : undefined;
    } else if (isAsked) {
      const { file, caption, cut, replaces } = line;
      this.captions.set(file, { caption, cut, replaces });
      this.overwrite?.set(file, { caption, cut, replaces });
    } else this.others += 1;
  }
}

function parseLine(path: string, number: number, text: string): JournalLine | OverwriteLine {
  const line = parse(text);
  if (typeof line?.model === "string" && typeof line.prompt === "string") {
    const { file, caption, cut, replaces, overwrite } = line;
    if (overwrite === "begins" || overwrite === "ends") return line as unknown as OverwriteLine;
    const isAnswer =
      typeof file === "string" &&
      typeof caption === "string" &&
      (replaces === undefined || typeof replaces === "string");
    if (isAnswer) return { ...(line as unknown as JournalLine), cut: cut === true };
  }
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
