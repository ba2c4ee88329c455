import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import { addAdapter, PixArtTransformer2DModel } from "../../src/models/index.ts";
import { PixArtAlphaPipeline } from "../../src/pipelines/index.ts";
import * as torch from "../../src/torch/index.ts";
import { readSafetensors } from "../../src/weights/index.ts";
import { filesIn, name, testHub } from "./hub-fixture.ts";
import { pixartHere } from "./in-process.ts";

const MODEL = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const WEIGHTS = "diffusion_pytorch_model.safetensors";
const PROMPT = "a red apple, noto style";
const folder = mkdtempSync(join(tmpdir(), "pixart-models-"));
afterAll(() => rmSync(folder, { recursive: true }));

let calls = 0;
/** Pixels of one picture of {@link PROMPT}. */
async function draw(model: string, ...args: readonly string[]): Promise<Uint8Array> {
  const out = join(folder, `call-${calls++}`);
  await pixartHere("sample", model, PROMPT, "--steps", "2", "--out", out, ...args);
  return (await RgbImage.decode(join(out, "a-red-apple-noto-style-0.png"))).data;
}
/** Mean distance of two pictures' channels, 0 to 255. */
const distance = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] ?? 0)), 0) / a.length;

let plain: Uint8Array;
beforeAll(async () => {
  plain = await draw(MODEL);
});

describe("pixart embed, and sample --prompts-from", () => {
  const pack = join(folder, "prompts.safetensors");

  it("draws the same picture where no text encoder is", async () => {
    const { stdout, stderr } = await pixartHere("embed", MODEL, PROMPT, "a whale", "--out", pack);
    expect(stdout).toBe(`${pack}\n`);
    expect(stderr).toBe("3 prompts, including the empty one for guidance\n");
    const bare = join(folder, "bare");
    cpSync(MODEL, bare, { recursive: true });
    rmSync(join(bare, "text_encoder"), { recursive: true });
    expect(await draw(bare, "--prompts-from", pack)).toEqual(plain);
    await expect(draw(bare)).rejects.toThrow("text_encoder");
  });

  it("knows no other prompts than those, cleaned as they were", async () => {
    await expect(draw(MODEL, "--prompts-from", pack, "--negative", "a shark")).rejects.toThrow(
      `Expected a prompt of ${pack} ("${PROMPT}", "a whale", "") for prompt but received "a shark"`,
    );
    const raw = join(folder, "raw.safetensors");
    const prompt = "A Whale https://example.com";
    await pixartHere("embed", MODEL, prompt, "--out", raw, "--no-clean-caption");
    using file = readSafetensors(raw);
    expect(file.metadata.pixart_prompts).toContain(prompt.toLowerCase());
  });

  it("cuts at --max-length, and warns of what is cut", async () => {
    const short = join(folder, "short.safetensors");
    const { stderr } = await pixartHere(
      ...["embed", MODEL, PROMPT, "--out", short, "--max-length", "3", "--dtype", "bfloat16"],
    );
    expect(stderr).toContain("Warning: The prompt is longer than 3 tokens.");
    using file = readSafetensors(short);
    expect(file.entry("prompt.0")).toMatchObject({ shape: [3, 128], dtype: "bfloat16" });
  });

  it("writes new .safetensors files alone", async () => {
    await expect(pixartHere("embed", MODEL, PROMPT, "--out", "prompts.bin")).rejects.toThrow(
      "Expected a name that ends in .safetensors for --out but received prompts.bin",
    );
    await expect(pixartHere("embed", MODEL, PROMPT, "--out", pack)).rejects.toThrow(
      `Expected a new file for --out but received ${pack}, which exists`,
    );
  });
});

describe("pixart sample --lora", () => {
  const adapters = [1, 2].map((seed) => join(folder, `lora-${seed}`));
  const [first = "", second = ""] = adapters;

  beforeAll(async () => {
    const model = await PixArtTransformer2DModel.fromPretrained(MODEL, {
      subfolder: "transformer",
    });
    for (const [i, path] of adapters.entries()) {
      const adapter = addAdapter(
        model,
        { peftType: "LORA", targetModules: ["to_q", "to_v"], initLoraWeights: false, r: 4 },
        { name: path, generator: torch.generator(i) },
      );
      await adapter.save(path);
    }
    model.dispose();
  });

  it("changes the picture, as much as its scale says, and scale 0 changes nothing", async () => {
    const whole = await draw(MODEL, "--lora", first);
    expect(distance(plain, whole)).toBeGreaterThan(1);
    expect(await draw(MODEL, "--lora", `${first}=0`)).toEqual(plain);
    expect(await draw(MODEL, "--lora", `${first}=1`)).toEqual(whole);
    const half = await draw(MODEL, "--lora", `${first}=0.1`);
    expect(distance(plain, half)).toBeLessThan(distance(plain, whole));
    expect(await draw(MODEL, "--lora", `${first}=-1`)).not.toEqual(whole);
  });

  it("takes several, and single files", async () => {
    const both = await draw(MODEL, "--lora", first, `${second}=0.5`);
    expect(distance(await draw(MODEL, "--lora", first), both)).toBeGreaterThan(0.5);
    expect(await draw(MODEL, "--lora", first, `${second}=0`)).toEqual(
      await draw(MODEL, "--lora", first),
    );
    const file = join(first, "adapter_model.safetensors");
    expect(
      distance(await draw(MODEL, "--lora", file), await draw(MODEL, "--lora", first)),
    ).toBeLessThan(0.01);
    const none = join(folder, "none");
    await expect(draw(MODEL, "--lora", none)).rejects.toThrow(
      `Expected a PEFT folder or a LoRA file, optionally with =scale, for --lora but received ${none}: there is no such folder or file`,
    );
  });
});

describe("pixart sample --quantize", () => {
  it("draws nearly the same with 8-bit weights", async () => {
    const small = await draw(MODEL, "--quantize", "int8");
    expect(small).not.toEqual(plain);
    expect(distance(small, plain)).toBeLessThan(4);
    const pack = join(folder, "small.safetensors");
    await pixartHere("embed", MODEL, PROMPT, "--out", pack, "--quantize", "int8");
    expect(await draw(MODEL, "--quantize", "int8", "--prompts-from", pack)).toEqual(small);
    expect(await draw(MODEL, "--prompts-from", pack)).not.toEqual(plain);
  });

  it("draws nearly the same in the fastest number type", async () => {
    const fastest = torch.fastestDType("cpu");
    const found = await draw(MODEL, "--dtype", "fastest");
    expect(found).toEqual(await draw(MODEL, "--dtype", fastest));
    expect(distance(found, plain)).toBeLessThan(4);
  });

  it("refuses other numbers of bits, and adapters on them", async () => {
    await expect(draw(MODEL, "--quantize", "int4")).rejects.toThrow(
      "Expected int8 for --quantize but received int4",
    );
    await expect(draw(MODEL, "--quantize", "int8", "--lora", "x")).rejects.toThrow(
      "Expected --lora or --quantize but received both: an adapter needs the float weights of its layers",
    );
    await expect(draw(MODEL, "--dtype", "int8")).rejects.toThrow(
      "Expected float32, bfloat16, float16 or fastest for --dtype but received int8",
    );
  });
});

describe("a model", () => {
  it("of the package is known by its name", async () => {
    expect(await draw("emoji-demo")).toEqual(plain);
    await expect(draw("emoji-demo", "--raw")).rejects.toThrow(
      /^Expected a run with --raw but received .*emoji-demo, which has one set of weights$/,
    );
    await expect(draw("emoji-demo", "--revision", "main")).rejects.toThrow(
      'Expected a name on the Hub to go with revision "main" but received the folder',
    );
  });

  it("has the scheduler that its index names, and is drawn again so", async () => {
    const other = join(folder, "ddim");
    cpSync(MODEL, other, { recursive: true });
    const index = JSON.parse(readFileSync(join(other, "model_index.json"), "utf8"));
    index.scheduler = ["diffusers", "DDIMScheduler"];
    writeFileSync(join(other, "model_index.json"), JSON.stringify(index));
    const out = join(folder, "ddim-out");
    const args = [PROMPT, "--steps", "2", "--out", out];
    const { stderr } = await pixartHere("sample", other, ...args);
    expect(stderr).toContain(
      `Warning: ${join(other, "scheduler", "scheduler_config.json")}: the scheduler is a DDIMScheduler, as model_index.json says, and not the DPMSolverMultistepScheduler of _class_name here`,
    );
    const picture = join(out, "a-red-apple-noto-style-0.png");
    const { data } = await RgbImage.decode(picture);
    expect(distance(plain, data)).toBeGreaterThan(1);
    const again = join(folder, "ddim-again");
    await pixartHere("sample", other, "--from", picture, "--out", again);
    expect((await RgbImage.decode(join(again, "a-red-apple-noto-style-0.png"))).data).toEqual(data);
  });

  it("whose scheduler isn't known is drawn with another", async () => {
    const other = join(folder, "unknown-scheduler");
    cpSync(MODEL, other, { recursive: true });
    const index = JSON.parse(readFileSync(join(other, "model_index.json"), "utf8"));
    index.scheduler = ["diffusers", "VQDiffusionScheduler"];
    writeFileSync(join(other, "model_index.json"), JSON.stringify(index));
    const place = join(other, "scheduler", "scheduler_config.json");
    const config = readFileSync(place, "utf8");
    writeFileSync(place, config.replace("DPMSolverMultistep", "VQDiffusion"));
    await expect(draw(other)).rejects.toThrow('but found "VQDiffusionScheduler"; pass --scheduler');
    expect(await draw(other, "--scheduler", "dpm-solver++")).toEqual(plain);
    expect(await draw(other, "--scheduler", "euler")).toEqual(
      await draw(MODEL, "--scheduler", "euler"),
    );
  });

  it("that is a run goes without what only published models can", async () => {
    const run = join(folder, "run");
    mkdirSync(join(run, "checkpoints"), { recursive: true });
    writeFileSync(join(run, "config.json"), "{}");
    const pack = join(folder, "prompts.safetensors");
    await expect(
      draw(run, "--quantize", "int8", "--dtype", "bfloat16", "--prompts-from", pack),
    ).rejects.toThrow(
      `Expected a published model with --dtype and --quantize and --prompts-from but received the run ${run}; publish it first: npx pixart publish ${run} FOLDER`,
    );
  });

  it("that is nowhere is told as what is missing, without a word over the network", async () => {
    const { server } = await testHub();
    const nothing = join(folder, "nothing");
    await expect(draw(nothing)).rejects.toThrow(
      `Expected an existing folder for the model but received ${JSON.stringify(nothing)}`,
    );
    await expect(draw(join(folder, "rum"))).rejects.toThrow(
      `(did you mean ${JSON.stringify(join(folder, "run"))}?)`,
    );
    await expect(draw(folder)).rejects.toThrow(
      `Expected a model but received ${folder}: it has no model_index.json, and is neither a run folder nor a checkpoint`,
    );
    await expect(draw("emoji-dmo")).rejects.toThrow(
      'Expected an existing folder, a model of this package (emoji-demo, emoji-small, emoji-vae) or a name on the Hub such as "PixArt-alpha/PixArt-XL-2-1024-MS" for the model but received "emoji-dmo" (did you mean "emoji-demo"?)',
    );
    const adapter = join(folder, "adapter-alone");
    mkdirSync(adapter);
    writeFileSync(join(adapter, "adapter_config.json"), "{}");
    await expect(draw(adapter)).rejects.toThrow(
      `Expected a model but received ${adapter}, an adapter for one: npx pixart sample MODEL --lora ${adapter}`,
    );
    expect(server.requests).toEqual([]);
  });

  it("of the package is found by its name, by programs too", async () => {
    expect(await draw("emoji-demo")).toEqual(plain);
    const pipe = await PixArtAlphaPipeline.fromPretrained("emoji-demo");
    expect(pipe.source?.name).toBe("emoji-demo");
    pipe.dispose();
    await expect(
      PixArtAlphaPipeline.fromPretrained("emoji-demo", { revision: "main" }),
    ).rejects.toThrow('Expected a name on the Hub to go with revision "main" but received');
  });

  it("on the Hub is downloaded, at the revision asked for", async () => {
    const { server, commit } = await testHub(filesIn(MODEL));
    server.commit({ "README.md": "nothing yet" }, "main");
    const pinned = ["--revision", commit];
    const pack = join(folder, "hub.safetensors");
    const { stderr } = await pixartHere("embed", name, PROMPT, "--out", pack, ...pinned);
    expect(stderr).toMatch(/transformer\/diffusion_pytorch_model\.safetensors: [\d.]+ MB\n/);
    server.requests.length = 0;
    expect(await draw(name, ...pinned)).toEqual(plain);
    expect(server.requests).toEqual([]);
    await expect(draw(name)).rejects.toThrow("model_index.json");
    expect(server.requests).not.toEqual([]);
  });

  it("that is neither here nor there is told as both", async () => {
    const { server } = await testHub();
    const word = "work_dirs/no-such-run";
    const local = `no folder ${word} here; as a name on the Hub: `;
    await expect(draw(word)).rejects.toThrow(local);
    await expect(draw(word)).rejects.toThrow(/shows no model of this name \(40\d\)/);
    await server.stop();
    await expect(draw(word)).rejects.toThrow(local);
    await expect(draw(word)).rejects.toThrow("could not be reached (ECONNREFUSED)");
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    await expect(draw(word)).rejects.toThrow(local);
    await expect(draw(word)).rejects.toThrow("HF_HUB_OFFLINE forbids downloads; unset it");
  });
});

describe("pixart convert", () => {
  const convert = (...args: string[]) => pixartHere("convert", ...args);
  const shown = ["--heads", "3"];

  it("writes another layout, and back again with nothing lost", async () => {
    const [original, back] = [join(folder, "original.pth"), join(folder, "back")];
    const there = await convert(MODEL, original, "--to", "original");
    expect(there.stdout).toBe(`${original}\n`);
    expect(there.stderr).toContain("Found PixArt of 6 layers, width 192, for 128 px");
    expect(there.stderr).toContain("Added pos_embed, the table of positions");
    expect(there.stderr).toContain("Read back: 141 tensors are equal");
    await convert(original, back, "--to", "diffusers", ...shown);
    const model = await PixArtTransformer2DModel.fromPretrained(back);
    const known = await PixArtTransformer2DModel.fromPretrained(MODEL, {
      subfolder: "transformer",
    });
    for (const [key, tensor] of known.stateDict()) {
      expect(model.stateDict().get(key)?.equal(tensor), key).toBe(true);
    }
    for (const one of [model, known]) one.dispose();
  });

  it("writes safetensors in another dtype", async () => {
    const single = join(folder, "single.safetensors");
    await convert(MODEL, single, "--to", "single-file", "--dtype", "bfloat16");
    using file = readSafetensors(single);
    expect(new Set([...file.tensors.values()].map(({ dtype }) => dtype))).toEqual(
      new Set(["bfloat16"]),
    );
    expect([...file.tensors.keys()]).toContain("blocks.0.attn.qkv.weight");
  });

  it("refuses other layouts and dtypes, and places that are taken", async () => {
    const taken = join(MODEL, "transformer", WEIGHTS);
    await expect(convert(MODEL, "x", "--to", "onnx")).rejects.toThrow(
      "Expected diffusers, original, single-file for --to but received onnx",
    );
    await expect(convert(MODEL, "x", "--to", "original", "--dtype", "int8")).rejects.toThrow(
      /^Expected .*float32.* for --dtype but received int8$/,
    );
    await expect(convert(MODEL, taken, "--to", "single-file")).rejects.toThrow(taken);
  });
});
