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
