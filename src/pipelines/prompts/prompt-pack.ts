import { expected } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { BadFileError, readSafetensors, writeSafetensors } from "../../weights/index.ts";
import { shorten } from "./shorten.ts";

// Shapes: L tokens of a prompt, D width of the text encoder's states.

const KEY = "pixart_prompts";
const tensorName = (index: number): string => `prompt.${index}`;

/** A pack's metadata. */
interface PackRecord {
  /** As they were encoded: cleaned, or lower-cased and trimmed. */
  readonly prompts: readonly string[];
  readonly maxSequenceLength: number;
}

/**
 * Encoded prompts in a safetensors file: used instead of a text encoder, it draws pictures without T5. About 8 KB per token at
 * T5-XXL's width in bfloat16.
 */
export class PromptPack {
  readonly name: string;
  readonly maxSequenceLength: number;
  readonly #states: ReadonlyMap<string, Tensor>;

  private constructor(
    name: string,
    states: ReadonlyMap<string, Tensor>,
    maxSequenceLength: number,
  ) {
    this.name = name;
    this.maxSequenceLength = maxSequenceLength;
    this.#states = states;
  }

  /** A pack of prompts, each with its (1, L, D) states, of which the pack takes ownership. */
  static of(states: ReadonlyMap<string, Tensor>, maxSequenceLength: number): PromptPack {
    for (const tensor of states.values()) torch.keep(tensor);
    return new PromptPack("prompt pack", states, maxSequenceLength);
  }

  /** Reads a file that {@link save} wrote. Throws BadFileError for any other. */
  static open(path: string): PromptPack {
    using file = readSafetensors(path);
    const { prompts, maxSequenceLength } = readRecord(path, file.metadata[KEY]);
    const states = prompts.map((prompt, i) => {
      const { shape } = file.entry(tensorName(i));
      if (shape.length !== 2) {
        throw new BadFileError(
          path,
          tensorName(i),
          "shape [tokens, width]",
          `[${shape.join(", ")}]`,
        );
      }
      const tensor = torch.tidy(() => file.tensor(tensorName(i)).unsqueeze(0));
      return [prompt, torch.keep(tensor)] as const;
    });
    return new PromptPack(path, new Map(states), maxSequenceLength);
  }

  /** Its prompts, as they were encoded. */
  get prompts(): readonly string[] {
    return [...this.#states.keys()];
  }

  /** (1, L, D) of a prepared prompt; still owned by the pack. Throws if the pack does not have it. */
  states(prompt: string): Tensor {
    const states = this.#states.get(prompt);
    if (states !== undefined) return states;
    const known = this.prompts.map((text) => JSON.stringify(shorten(text))).join(", ");
    throw expected(
      `a prompt of ${this.name} (${known})`,
      "prompt",
      JSON.stringify(shorten(prompt)),
    );
  }

  async save(path: string): Promise<void> {
    const record: PackRecord = { prompts: this.prompts, maxSequenceLength: this.maxSequenceLength };
    using scope = torch.scope("PromptPack.save");
    const tensors = scope.run(() =>
      [...this.#states.values()].map((states, i) => [tensorName(i), states.squeeze(0)] as const),
    );
    await writeSafetensors(path, new Map(tensors), { [KEY]: JSON.stringify(record) });
  }

  dispose(): void {
    for (const tensor of this.#states.values()) tensor.dispose();
  }
}

function readRecord(path: string, text: string | undefined): PackRecord {
  const place = `metadata ${KEY}`;
  if (text === undefined) {
    throw new BadFileError(
      path,
      place,
      "a list of prompts",
      "nothing",
      "make one with `pixart embed`",
    );
  }
  try {
    const record = JSON.parse(text) as Partial<PackRecord>;
    const { prompts, maxSequenceLength } = record;
    const isList = Array.isArray(prompts) && prompts.every((prompt) => typeof prompt === "string");
    if (isList && typeof maxSequenceLength === "number") return { prompts, maxSequenceLength };
  } catch {
    // Reported below, like any other damage.
  }
  throw new BadFileError(path, place, "a list of prompts", text.slice(0, 60));
}
