import { join } from "node:path";
import type { Filled, Pretrained } from "../../config/index.ts";
import { resolveModel } from "../../hub/index.ts";
import { T5EncoderModel } from "../../models/index.ts";
import { pretrainedFiles } from "../../models/pretrained.ts";
import { readT5Config, type T5Config } from "../../models/t5/config.ts";
import { LazyModel } from "../../pipelines/index.ts";
import type { Device } from "../../torch/index.ts";
import { readConfig } from "../../weights/index.ts";
import { weightsFingerprint } from "./weights-fingerprint.ts";

/**
 * A pretrained text encoder that is loaded for each use, since T5-XXL takes more memory than everything else. Its configuration
 * and identity are known from its files alone.
 */
export class LazyTextEncoder extends LazyModel<T5EncoderModel> {
  readonly #place: Filled<Pretrained>;
  readonly #precision: "float32" | "bfloat16";

  constructor(
    place: Filled<Pretrained>,
    precision: "float32" | "bfloat16",
    device: Device = "cpu",
  ) {
    const { pretrained, subfolder, revision } = place;
    super(() =>
      T5EncoderModel.fromPretrained(pretrained, {
        subfolder: subfolder ?? undefined,
        revision: revision ?? undefined,
        dtype: precision,
        device,
      }),
    );
    this.#place = place;
    this.#precision = precision;
  }

  /** Its configuration, read from the file without loading the model. */
  async config(): Promise<T5Config> {
    const path = join(await this.#folder(), "config.json");
    return readT5Config(readConfig(path), path);
  }

  /**
   * Identifies the function that it computes: its files' content and the precision. `memory` is a folder for
   * {@link weightsFingerprint}.
   */
  async identity(memory: string): Promise<string> {
    return `${await weightsFingerprint(await this.#folder(), memory)}/${this.#precision}`;
  }

  async #folder(): Promise<string> {
    const { pretrained, subfolder, revision } = this.#place;
    const found = await resolveModel(pretrained, {
      revision: revision ?? undefined,
      files: pretrainedFiles("model", { subfolder: subfolder ?? undefined }),
    });
    return join(found, subfolder ?? "");
  }
}
