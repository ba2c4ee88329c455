import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import { PixArtControlNetAdapterModel } from "../../src/models/index.ts";
import { PixArtAlphaPipeline } from "../../src/pipelines/index.ts";
import * as torch from "../../src/torch/index.ts";
import { pixartHere } from "./in-process.ts";

const MODEL = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const PROMPT = "a red apple, noto style";
const folder = mkdtempSync(join(tmpdir(), "pixart-cli-controlnet-"));
afterAll(() => rmSync(folder, { recursive: true }));
const adapter = join(folder, "controlnet");
const map = join(folder, "edges.png");

let calls = 0;
/** The file that `pixart sample` lists. */
async function draw(...args: readonly string[]): Promise<string> {
  const out = join(folder, `call-${calls++}`);
  const { stdout } = await pixartHere("sample", MODEL, ...args, "--steps=2", "--out", out);
  return stdout.trimEnd();
}

let led: string;
beforeAll(async () => {
  const pipe = await PixArtAlphaPipeline.fromPretrained(MODEL);
  const controlnet = PixArtControlNetAdapterModel.fromTransformer(pipe.transformer, {
    numLayers: 1,
  });
  torch.noGrad(() => {
    for (const weight of controlnet.parameters()) weight.add_(0.02);
  });
  await controlnet.savePretrained(adapter);
  pipe.dispose();
  const stripes = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i % 48 < 6 ? 255 : 0));
  await new RgbImage(64, 64, stripes).save(map);
  led = await draw(PROMPT, "--controlnet", adapter, "--control-image", map);
});

it("draws along --control-image by the adapter of --controlnet", async () => {
  const plain = await draw(PROMPT);
  expect(readFileSync(led).equals(readFileSync(plain))).toBe(false);
  const again = await draw(PROMPT, "--controlnet", adapter, "--control-image", map);
  expect(readFileSync(again).equals(readFileSync(led))).toBe(true);
});

it("refuses one option without the other, and a file of something else", async () => {
  await expect(draw(PROMPT, "--controlnet", adapter)).rejects.toThrow(
    "Expected --controlnet and --control-image together but received --controlnet",
  );
  await expect(draw(PROMPT, "--control-image", map)).rejects.toThrow(
    "Expected --controlnet and --control-image together but received --control-image",
  );
  const weights = join(MODEL, "transformer", "diffusion_pytorch_model.safetensors");
  await expect(draw(PROMPT, "--controlnet", weights, "--control-image", map)).rejects.toThrow(
    /tensors: expected a ControlNet under controlnet\.0 but found/,
  );
});

it("says of a picture that followed another that it cannot be drawn again from itself", async () => {
  await expect(draw("--from", led)).rejects.toThrow(
    `${led} was drawn with a control picture, which it does not contain. Repeat it with --control-image`,
  );
});
