import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { pretrainedConfig, writeTinyEncoders } from "../../../test/fixtures/pretrained-config.ts";
import { configFromJson, type ResolvedStage } from "../../config/index.ts";
import { T5Tokenizer } from "../../text/index.ts";
import { saveCheckpoint } from "../checkpoints/checkpoint.ts";
import { stageCheckpoints } from "../checkpoints/checkpoint-folder.ts";
import { prefixed } from "../contract/stage-task.ts";
import { LazyTextEncoder } from "./lazy-text-encoder.ts";
import { RunModelLoader } from "./run-model-loader.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-loader-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("loads a frozen text encoder in the precision of the stage, whatever that of the stage before", async () => {
  const encoders = join(folder, "encoders");
  const checkpoints = join(folder, "checkpoints");
  await writeTinyEncoders(encoders, ["a ball, red style"]);
  const given = pretrainedConfig(join(folder, "data"), encoders, null);
  const stages = (["bfloat16", "float32"] as const).map((precision) => ({
    ...given.stages[0],
    name: precision,
    precision,
  }));
  const config = configFromJson(JSON.stringify({ ...given, stages }), "tiny.json");
  const [first, second] = config.stages as readonly ResolvedStage<"text-to-image">[];
  if (first === undefined || second === undefined) throw new Error("expected two stages");
  const tokenizer = await T5Tokenizer.fromPretrained(encoders, { subfolder: "tokenizer" });
  const loader = new RunModelLoader(config, checkpoints);
  const vae = await loader.autoencoder();
  const encoderOf = async (stage: typeof first): Promise<unknown> => {
    const { textEncoder, transformer } = await loader.startTextToImage(stage, vae, tokenizer);
    if (stage === first) {
      await saveCheckpoint(stageCheckpoints(checkpoints, stage.name), {
        step: stage.steps,
        stage: stage.name,
        state: {},
        groups: new Map([["weights", prefixed("transformer", transformer)]]),
        keep: 1,
      });
    }
    transformer.dispose();
    if (!(textEncoder instanceof LazyTextEncoder)) throw new Error("expected a frozen encoder");
    const model = await textEncoder.load();
    const { dtype } = model;
    model.dispose();
    return dtype;
  };
  expect([await encoderOf(first), await encoderOf(second)]).toEqual(["bfloat16", "float32"]);
  vae.dispose();
});
