import { fileURLToPath } from "node:url";
import { expect, it, vi } from "vitest";
import { AutoencoderKL, PixArtTransformer2DModel, T5EncoderModel } from "../../src/models/index.ts";
import { PixArtAlphaPipeline } from "../../src/pipelines/index.ts";
import { DPMSolverMultistepScheduler } from "../../src/schedulers/index.ts";
import { T5Tokenizer } from "../../src/text/index.ts";
import { filesIn, name, testHub } from "./hub-fixture.ts";

const shipped = fileURLToPath(new URL("../../models/emoji-small", import.meta.url));
const emojiSmall = filesIn(shipped);

it("every fromPretrained takes a name, and downloads what it reads", async () => {
  const { server, commit } = await testHub({ ...emojiSmall, "checkpoints/big.safetensors": "no" });
  const downloads = (): string[] =>
    server
      .log("hub")
      .filter((line) => line.startsWith(`GET /${name}/resolve`))
      .map((line) => line.slice(line.indexOf(commit) + commit.length + 1));

  const vae = await AutoencoderKL.fromPretrained(name, { subfolder: "vae" });
  const ours = await AutoencoderKL.fromPretrained(shipped, { subfolder: "vae" });
  expect([...vae.stateDict().keys()]).toEqual([...ours.stateDict().keys()]);
  for (const model of [vae, ours]) model.dispose();
  expect(downloads()).toEqual(["vae/config.json", "vae/diffusion_pytorch_model.safetensors"]);

  const pipe = await PixArtAlphaPipeline.fromPretrained(name);
  expect(pipe.source?.name).toBe("tiny-pixart");
  expect(await pipe.source?.hash()).toBe(
    await (await PixArtAlphaPipeline.fromPretrained(shipped)).source?.hash(),
  );
  pipe.dispose();
  const unread = ["README.md", "checkpoints/big.safetensors"];
  expect(downloads().sort()).toEqual(
    Object.keys(emojiSmall)
      .filter((path) => !unread.includes(path))
      .sort(),
  );

  // All of it is here now: pinned or offline nothing is asked for.
  server.requests.length = 0;
  const pinned = { revision: commit };
  (await PixArtAlphaPipeline.fromPretrained(name, pinned)).dispose();
  vi.stubEnv("HF_HUB_OFFLINE", "1");
  const transformer = { subfolder: "transformer" };
  (await PixArtTransformer2DModel.fromPretrained(name, transformer)).dispose();
  (await T5EncoderModel.fromPretrained(name, { subfolder: "text_encoder" })).dispose();
  const tokenizer = await T5Tokenizer.fromPretrained(name, { ...pinned, subfolder: "tokenizer" });
  expect(tokenizer.vocabSize).toBeGreaterThan(100);
  const scheduler = await DPMSolverMultistepScheduler.fromPretrained(name, {
    ...pinned,
    subfolder: "scheduler",
  });
  expect(scheduler.className).toBe("DPMSolverMultistepScheduler");
  (await PixArtAlphaPipeline.fromPretrained(shipped)).dispose();
  expect(server.requests).toEqual([]);
});

/** The shipped model, with the transformer's weights alone as a variant, and other plain ones beside them. */
const PLAIN = "transformer/diffusion_pytorch_model.safetensors";
const FP16 = "transformer/diffusion_pytorch_model.fp16.safetensors";
const mixed = { ...emojiSmall, [FP16]: emojiSmall[PLAIN] ?? "" };

it("loads a variant where only some models have it, and the plain weights of the others", async () => {
  const { server } = await testHub({ ...mixed, [PLAIN]: "other weights" });
  const downloaded = (path: string): boolean =>
    server.log("hub").some((line) => line.startsWith("GET") && line.endsWith(path));
  const warnings: string[] = [];
  const options = { variant: "fp16", onWarning: (text: string) => void warnings.push(text) };
  // What another program needed of it is here already.
  await expect(PixArtAlphaPipeline.fromPretrained(name)).rejects.toThrow("expected");
  expect(downloaded(PLAIN)).toBe(true);

  for (const isOffline of [false, true]) {
    if (isOffline) vi.stubEnv("HF_HUB_OFFLINE", "1");
    const pipe = await PixArtAlphaPipeline.fromPretrained(name, options);
    expect(await pipe.source?.hash()).toMatch(/^[0-9a-f]{10}$/);
    pipe.dispose();
    expect(warnings.splice(0)).toEqual([
      expect.stringMatching(
        /has no variant fp16 of text_encoder and vae: their plain weights are loaded$/,
      ),
    ]);
  }
  expect(downloaded(FP16)).toBe(true);
});

it("says what is missing where no model has the variant, and downloads no weights", async () => {
  const { server } = await testHub(emojiSmall);
  await expect(PixArtAlphaPipeline.fromPretrained(name, { variant: "fp16" })).rejects.toThrow(
    "model.fp16.safetensors",
  );
  expect(server.log("hub").filter((line) => line.endsWith(".safetensors"))).toEqual([]);

  await expect(PixArtAlphaPipeline.fromPretrained(shipped, { variant: "fp16" })).rejects.toThrow(
    "model.fp16.safetensors",
  );
});
