import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { T5EncoderModel } from "../../src/models/t5/index.ts";
import { relativePositionBuckets } from "../../src/models/t5/relative-position.ts";
import * as torch from "../../src/torch/index.ts";
import { readSafetensors } from "../../src/weights/index.ts";
import { expectClose, expectSameGradients } from "./compare.ts";
import { expectReloaded, madeCases } from "./made-cases.ts";
import { runPython } from "./python.ts";

const script = fileURLToPath(new URL("t5.py", import.meta.url));

const narrow = { vocab_size: 100, d_model: 32, d_kv: 8, d_ff: 48, num_layers: 2, num_heads: 3 };

const cases = [
  {
    name: "gated, heads narrower than the model",
    config: { ...narrow, feed_forward_proj: "gated-gelu" },
    lengths: [9, 1, 4],
    padded: 9,
  },
  {
    // The configuration of hf-internal-testing/tiny-random-t5.
    name: "plain, few buckets, tiny weights",
    config: {
      vocab_size: 1103,
      d_model: 32,
      d_ff: 37,
      d_kv: 8,
      num_heads: 4,
      num_layers: 5,
      feed_forward_proj: "relu",
      relative_attention_num_buckets: 8,
      initializer_factor: 0.002,
    },
    lengths: [12, 7],
    padded: 12,
  },
  {
    name: "tokens farther apart than the last bucket",
    config: { ...narrow, feed_forward_proj: "gated-gelu", layer_norm_epsilon: 1e-3 },
    lengths: [160, 130],
    padded: 160,
  },
].map((one, seed) => ({ ...one, seed }));

const folderOf = madeCases(script, cases);

describe.each(cases)("T5EncoderModel against transformers: $name", ({ name }) => {
  const open = () => {
    const io = readSafetensors(join(folderOf(name), "io.safetensors"));
    return { io, ids: io.tensor("ids"), attentionMask: io.tensor("mask") };
  };

  it("computes the same, at padding too", async () => {
    const model = await T5EncoderModel.fromPretrained(folderOf(name));
    const { io, ids, attentionMask } = open();
    expectClose(model.call(ids, { attentionMask }), io.tensor("hidden"));
    expectClose(model.call(ids), io.tensor("unmasked"));
  });

  it("is as near to float32 in bfloat16", async () => {
    const model = await T5EncoderModel.fromPretrained(folderOf(name), { dtype: "bfloat16" });
    const { io, ids, attentionMask } = open();
    const hidden = model.call(ids, { attentionMask });
    expect(hidden.dtype).toBe("bfloat16");
    const error = (rounded: torch.Tensor): number =>
      rounded.float().sub(io.tensor("hidden")).norm().item();
    expect(error(hidden)).toBeLessThanOrEqual(1.05 * error(io.tensor("bfloat16")));
  });

  it("has the same gradients", async () => {
    const model = await T5EncoderModel.fromPretrained(folderOf(name));
    const { io, ids, attentionMask } = open();
    const loss = torch.tidy(() => {
      const both = model.call(ids, { attentionMask }).add(model.call(ids));
      return both.mul(io.tensor("weight")).sum();
    });
    torch.backward(loss);
    const file = readSafetensors(join(folderOf(name), "gradients.safetensors"));
    const gradients = new Map(Array.from(file.tensors.keys(), (key) => [key, file.tensor(key)]));
    expectSameGradients(model.namedParameters(), gradients);
  });
});

describe("what savePretrained writes", () => {
  /** What transformers adds when it saves the model again. */
  const notOurs = {
    classifier_dropout: 0,
    initializer_factor: 1,
    is_decoder: false,
    scale_decoder_outputs: true,
    transformers_version: expect.any(String),
  };

  const configIn = (folder: string): Record<string, unknown> =>
    JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));

  it("is loaded by transformers without a word and gives the same output", async () => {
    for (const { name } of cases) {
      const model = await T5EncoderModel.fromPretrained(folderOf(name));
      await model.savePretrained(join(folderOf(name), "ours"));
    }
    const folders = cases.map(({ name }) => folderOf(name));
    await expectReloaded(script, folders);
    for (const folder of folders) {
      expect(configIn(join(folder, "theirs"))).toEqual({
        ...configIn(join(folder, "ours")),
        ...notOurs,
      });
      const [ours, theirs] = ["ours", "theirs"].map((sub) =>
        readSafetensors(join(folder, sub, "model.safetensors")),
      );
      // Where in the file they lie is the writer's choice.
      const specs = (file: typeof ours): unknown =>
        new Map(
          [...(file?.tensors ?? [])].map(([key, { dtype, shape }]) => [key, { dtype, shape }]),
        );
      expect(specs(ours)).toEqual(specs(theirs));
      expect(ours?.metadata).toEqual(theirs?.metadata);
    }
  });
});

describe("relativePositionBuckets", () => {
  it("are those of transformers", async () => {
    const sizes = [
      { length: 300, num_buckets: 32, max_distance: 128 },
      { length: 70, num_buckets: 8, max_distance: 128 },
      { length: 70, num_buckets: 64, max_distance: 50 },
    ];
    const expected = await runPython(script, { action: "buckets", cases: sizes });
    const ours = sizes.map(({ length, num_buckets: numBuckets, max_distance: maxDistance }) =>
      relativePositionBuckets(length, { numBuckets, maxDistance, device: "cpu" }).tolist(),
    );
    expect(ours).toEqual(expected);
  });
});
