import type { T5EncoderModel } from "../models/index.ts";
import { prepareCaption, type T5Tokenizer } from "../text/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import type { Example } from "./training-data.ts";

const BATCH = 64;

/** What a transformer's cross-attention takes: (B, L, D) states and the (B, L) mask of their real tokens. */
export interface CaptionStates {
  readonly states: Tensor;
  readonly mask: Tensor;
}

/** Which of an example's captions is trained on; "" is the unconditional one of classifier-free guidance. */
export type CaptionChoice = "short" | "dense" | "empty";

/** All captions of a data set as tokens, and their states under a text encoder: kept where that is frozen. */
export class Captions {
  readonly #ids: Tensor; // (2N + 1, L): short captions, dense captions, the empty one
  readonly #mask: Tensor; // (2N + 1, L)
  readonly #lengths: readonly number[];
  readonly #count: number;
  #states: Tensor | undefined; // (2N + 1, L, D)
  /** How many captions were longer than the tokenizer's limit. */
  readonly truncated: number;

  constructor(examples: readonly Example[], tokenizer: T5Tokenizer, maxLength: number) {
    const texts = [
      ...examples.map((e) => e.shortCaption),
      ...examples.map((e) => e.denseCaption),
      "",
    ];
    const encoding = tokenizer.encode(texts.map(prepareCaption), {
      maxLength,
      padding: "max",
      truncation: true,
    });
    this.#ids = torch.keep(torch.fromTypedArray(encoding.inputIds, encoding.shape));
    this.#mask = torch.keep(torch.fromTypedArray(encoding.attentionMask, encoding.shape));
    this.#lengths = encoding.lengths;
    this.#count = examples.length;
    this.truncated = encoding.truncated.length;
  }

  /** Encodes everything once; only for an encoder that is not trained. */
  freeze(encoder: T5EncoderModel): void {
    const total = this.#ids.size(0);
    const parts: Tensor[] = [];
    torch.noGrad(() => {
      for (let from = 0; from < total; from += BATCH) {
        const count = Math.min(BATCH, total - from);
        parts.push(
          torch.tidy(() =>
            encoder.call(this.#ids.narrow(0, from, count), {
              attentionMask: this.#mask.narrow(0, from, count),
            }),
          ),
        );
      }
      this.#states = torch.keep(torch.tidy(() => torch.cat(parts)));
    });
    for (const part of parts) part.dispose();
  }

  /** States of the chosen captions, cut to the longest of them: padding beyond it changes nothing. */
  batch(
    ids: readonly number[],
    choices: readonly CaptionChoice[],
    encoder: T5EncoderModel,
  ): CaptionStates {
    return torch.tidy(() => {
      const rowNumbers = ids.map((id, i) => this.#row(id, choices[i] ?? "short"));
      const longest = Math.max(...rowNumbers.map((row) => this.#lengths[row] ?? 0));
      const rows = torch.tensor(rowNumbers, { dtype: "int64" });
      const mask = this.#mask.indexSelect(0, rows).narrow(1, 0, longest).contiguous();
      if (this.#states !== undefined) {
        return {
          states: this.#states.indexSelect(0, rows).narrow(1, 0, longest).contiguous(),
          mask,
        };
      }
      const tokens = this.#ids.indexSelect(0, rows).narrow(1, 0, longest).contiguous();
      return { states: encoder.call(tokens, { attentionMask: mask }), mask };
    });
  }

  #row(id: number, choice: CaptionChoice): number {
    if (choice === "empty") return 2 * this.#count;
    return choice === "short" ? id : this.#count + id;
  }

  dispose(): void {
    for (const tensor of [this.#ids, this.#mask, this.#states]) tensor?.dispose();
  }
}
