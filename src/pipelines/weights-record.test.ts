import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adaptersOf, addAdapter, mergeAdapters, type T5EncoderModel } from "../models/index.ts";
import * as torch from "../torch/index.ts";
import { DiffusionPipeline, type PixArtAlphaPipeline } from "./published/from-pretrained.ts";
import { loadAdapters } from "./published/load-adapters.ts";
import { weightsRecord } from "./weights-record.ts";

const BASE = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "pixart-weights-record-"));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

const options = {
  peftType: "LORA",
  r: 2,
  loraAlpha: 6,
  initLoraWeights: false,
  targetModules: ["to_q", "q"],
} as const;

const load = (more: object = {}): Promise<PixArtAlphaPipeline> =>
  DiffusionPipeline.fromPretrained(BASE, { keepTextEncoder: true, ...more });
const record = (pipe: PixArtAlphaPipeline) => weightsRecord(pipe, expect.unreachable);
/** The first digits of the SHA-256 of a PEFT folder's files. */
const digest = (place: string): string => {
  const hash = createHash("sha256");
  for (const name of ["adapter_model.safetensors", "adapter_config.json"])
    hash.update(readFileSync(join(at(place), name)));
  return hash.digest("hex").slice(0, 10);
};

beforeAll(async () => {
  const pipe = await load();
  const generator = torch.generator(0);
  await addAdapter(pipe.transformer, options, { generator }).save(at("style"));
  await addAdapter(pipe.transformer, options, { name: "other", generator }).save(at("both"));
  await addAdapter(pipe.textEncoder as T5EncoderModel, options, { generator }).save(
    at("both/text_encoder"),
  );
  pipe.dispose();
});

describe("the record of a pipeline's weights", () => {
  it("says what they are and in which numbers", async () => {
    const pipe = await load();
    const hash = createHash("sha256")
      .update(readFileSync(join(BASE, "transformer/diffusion_pytorch_model.safetensors")))
      .digest("hex")
      .slice(0, 10);
    expect(await record(pipe)).toEqual({ model: "emoji-demo", modelHash: hash, dtype: "float32" });
    pipe.dispose();
    const half = await load({ dtype: "bfloat16" });
    expect(await record(half)).toMatchObject({ dtype: "bfloat16" });
    half.dispose();
    const rounded = await load({ quantize: "int8" });
    expect(await record(rounded)).toMatchObject({ dtype: "float32", quantize: "int8" });
    rounded.dispose();
  });

  it.each([true, false])(
    "names adapters, also of a text encoder, while they have an effect (kept: %s)",
    async (keepTextEncoder) => {
      const pipe = await load({ keepTextEncoder });
      await loadAdapters(pipe, at("style"), { name: at("style"), scale: 0.5 });
      await loadAdapters(pipe, at("both"), { name: "both" });
      const style = { name: "style", scale: 0.5, hash: digest("style") };
      const parts = [digest("both"), digest("both/text_encoder")];
      const both = { name: "both", scale: 1, hash: parts.join("+") };
      expect((await record(pipe)).adapters).toEqual([style, both]);
      for (const adapter of adaptersOf(pipe.transformer)) adapter.enabled = false;
      expect((await record(pipe)).adapters).toEqual([{ ...both, hash: parts[1] }]);
      pipe.dispose();
    },
  );

  it("tells adapters that were made here by what they hold", async () => {
    const pipe = await load();
    const adapter = addAdapter(pipe.transformer, options, { generator: torch.generator(1) });
    const hashOf = async () => (await record(pipe)).adapters?.[0]?.hash;
    const before = await hashOf();
    expect(before).toMatch(/^[0-9a-f]{10}$/);
    expect(await hashOf()).toBe(before);
    torch.noGrad(() => adapter.parameters().values().next().value?.add_(1));
    expect(await hashOf()).not.toBe(before);
    adapter.remove();
    await pipe.transformer.loadAdapter(at("style"), { trainable: true });
    expect(await hashOf()).not.toBe(digest("style"));
    pipe.dispose();
  });

  it("names adapters that the weights contain for good", async () => {
    const pipe = await load();
    addAdapter(pipe.transformer, options, { name: "made" });
    await loadAdapters(pipe, at("style"), { name: "style" });
    mergeAdapters(pipe.transformer, { keepOriginals: false });
    expect((await record(pipe)).adapters).toEqual([
      { name: "made", scale: 1 },
      { name: "style", scale: 1, hash: digest("style") },
    ]);
    pipe.dispose();
  });

  it("goes without the hash of files that are gone, with a warning", async () => {
    const pipe = await load();
    await addAdapter(pipe.transformer, options).save(at("gone"));
    for (const adapter of adaptersOf(pipe.transformer)) adapter.remove();
    await loadAdapters(pipe, at("gone"), { name: "gone" });
    rmSync(at("gone"), { recursive: true });
    const warnings: string[] = [];
    const { adapters } = await weightsRecord(pipe, (text) => warnings.push(text));
    expect(adapters).toEqual([{ name: "gone", scale: 1 }]);
    expect(warnings).toEqual([
      expect.stringMatching(/^The pictures do not record what their adapters contain: ENOENT/),
    ]);
    pipe.dispose();
  });
});
