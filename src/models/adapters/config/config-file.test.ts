import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { InvalidValueError, UnsupportedError } from "../../../errors/index.ts";
import { readAdapterConfig } from "./config-file.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-adapter-config-"));
const path = join(folder, "adapter_config.json");
afterAll(() => rmSync(folder, { recursive: true }));

const read = (json: object): ReturnType<typeof readAdapterConfig> => {
  writeFileSync(path, JSON.stringify(json));
  return readAdapterConfig(folder);
};

const lora = { peft_type: "LORA", target_modules: ["to_q"] };
const oft = { peft_type: "OFT", target_modules: ["to_q"], oft_block_size: 4 };

describe("readAdapterConfig", () => {
  it("reads PEFT's fields, and passes over bookkeeping and options that are off", () => {
    const config = read({
      ...lora,
      r: 16,
      lora_alpha: 4,
      use_rslora: true,
      alpha_pattern: { to_q: 2 },
      task_type: "FEATURE_EXTRACTION",
      revision: "main",
      auto_mapping: { base_model_class: "X" },
      loftq_config: {},
      use_qalora: false,
      an_option_of_tomorrow: null,
      another: [],
    });
    expect(config).toMatchObject({ r: 16, loraAlpha: 4, useRslora: true });
    expect(config).toMatchObject({ alphaPattern: { to_q: 2 }, layersToTransform: null });
    expect(Object.keys(config)).not.toContain("another");
  });

  it("lists every option that would change what is computed and is not there", () => {
    const json = {
      ...lora,
      bias: "some",
      init_lora_weights: "pissa_niter_4",
      target_parameters: ["scale_shift_table"],
      layer_replication: [[0, 4]],
      an_option_of_tomorrow: 1,
    };
    const off = "Expected null, false or nothing, because it is not supported,";
    expect(() => read(json)).toThrow(
      new InvalidValueError(
        [
          `Expected true or false or "gaussian" or "orthogonal" or "eva" or "mica" or "pissa" or "olora", as the others change the model's weights in ways that the files do not hold (save the adapter with path_initial_model_for_weight_conversion), for init_lora_weights in ${path} but received "pissa_niter_4"`,
          `Expected "none" or "all" or "lora_only" for bias in ${path} but received "some"`,
          `${off} for target_parameters in ${path} but received ["scale_shift_table"]`,
          `${off} for layer_replication in ${path} but received [[0,4]]`,
          `${off} for an_option_of_tomorrow in ${path} but received 1`,
        ].join("\n"),
      ),
    );
  });

  it("refuses other kinds of adapter", () => {
    expect(() => read({ peft_type: "IA3" })).toThrow(
      new UnsupportedError(
        `Expected LORA, LOHA, LOKR, OFT for peft_type in ${path} but received "IA3"`,
      ),
    );
  });

  it("refuses rotations of an older PEFT, which computed something else", () => {
    const refusal = (version: string): string =>
      `${path}: peft_version: expected 0.18 or newer for an OFT adapter but found ${version}; older PEFT computed something else from the same weights: train the adapter again`;
    expect(() => read({ ...oft, peft_version: "0.17.1" })).toThrow(refusal('"0.17.1"'));
    expect(() => read(oft)).toThrow(refusal("null"));
    const { oft_block_size: _, ...older } = oft;
    expect(() => read({ ...older, r: 8, peft_version: "1.0.0" })).toThrow(refusal('"1.0.0"'));
    for (const version of ["0.18.0", "0.21.2@abc", "1.0.0"]) {
      expect(read({ ...oft, peft_version: version })).toMatchObject({ oftBlockSize: 4 });
    }
    expect(read({ ...oft, use_cayley_neumann: false })).toMatchObject({ useCayleyNeumann: false });
  });
});
