import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ControlNetConfig, TrainConfig } from "../../src/config/index.ts";
import { RgbImage, sobelEdges } from "../../src/images/index.ts";
import { openCheckpoint } from "../../src/training/checkpoints/checkpoint.ts";
import { readEvents } from "../../src/training/run-folder/event-log.ts";
import { pipelineFromRun } from "../../src/training/run-pipeline.ts";
import { expectEqualTensors } from "../fixtures/equal-tensors.ts";
import { pretrainedConfig, writeTinyEncoders } from "../fixtures/pretrained-config.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { pixartHere } from "./in-process.ts";

const STEPS = 4;
const folder = mkdtempSync(join(tmpdir(), "pixart-controlnet-training-"));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

/** A transformer that the run trains itself, and then a ControlNet of it. */
function configFile(
  name: string,
  controlnet: ControlNetConfig | null,
  controlFolder?: string,
): string {
  const plain = pretrainedConfig(at("data"), at("encoders"), at("cache"));
  const [stage] = plain.stages;
  if (stage?.kind !== "text-to-image") throw new Error("expected a text-to-image stage");
  const config: TrainConfig = {
    ...plain,
    name,
    dataset: {
      ...plain.dataset,
      maxUnreadable: 0.1,
      ...(controlFolder !== undefined && { controlFolder }),
    },
    transformer: { numLayers: 2, numAttentionHeads: 2, attentionHeadDim: 12 },
    stages: [
      { ...stage, steps: 2 },
      {
        ...stage,
        name: "controlnet",
        steps: STEPS,
        controlnet: controlnet && { blocks: 1, ...controlnet },
        transform: { crop: "random", horizontalFlip: 0.5 },
        checkpointEvery: 1,
        keepCheckpoints: STEPS,
      },
    ],
  };
  writeFileSync(at(`${name}.json`), JSON.stringify(config));
  return at(`${name}.json`);
}

const train = (name: string, config: string, ...more: readonly string[]) =>
  pixartHere("train", config, "--work-dir", at(name), ...more);

const stepsOf = (run: string): string[] => {
  const place = join(at(run), "checkpoints/controlnet");
  return readdirSync(place)
    .filter((name) => name.startsWith("step-"))
    .toSorted()
    .map((name) => join(place, name));
};
const last = (run: string): string => stepsOf(run).at(-1) ?? "";

beforeAll(async () => {
  await writeTinyDataset(at("data"));
  await writeTinyEncoders(at("encoders"), ["a ball, red style", "a box, blue style"]);
  const pictures = readdirSync(at("data")).filter((name) => name.endsWith(".png"));
  for (const name of pictures) {
    const image = await RgbImage.decode(join(at("data"), name));
    await sobelEdges(image).save(join(at("maps"), name));
  }
  await train("given", configFile("given", {}, at("maps")));
});

describe("a run that trains a ControlNet", () => {
  it("keeps the ControlNet alone in its checkpoints, and leaves the transformer as it was", async () => {
    const { pipe } = await pipelineFromRun(at("given"), false);
    const kept = (await openCheckpoint(last("given"))).read("weights");
    const own = [...(pipe.controlnet?.stateDict() ?? [])];
    expectEqualTensors(kept, new Map(own.map(([key, tensor]) => [`controlnet.${key}`, tensor])));
    const { pipe: before } = await pipelineFromRun(
      join(at("given"), "checkpoints/captions/step-00000002"),
      true,
    );
    expectEqualTensors(pipe.transformer.stateDict(), before.transformer.stateDict());
    const after = kept.get("controlnet.controlnet_blocks.0.after_proj.weight");
    expect(after?.abs().amax().item()).toBeGreaterThan(0);
    pipe.dispose();
    before.dispose();
  });

  it("publishes it as a folder that draws what the run draws", async () => {
    await pixartHere("publish", at("given"), at("published"));
    expect(JSON.parse(readFileSync(at("published/config.json"), "utf8"))).toMatchObject({
      _class_name: "PixArtControlNetAdapterModel",
      num_layers: 1,
    });
    const captions = join(at("given"), "checkpoints/captions/step-00000002");
    await pixartHere("publish", captions, at("base"));
    const map = at("maps/ring-red.png");
    const size = ["--width=32", "--height=32", "--steps=2"];
    const draw = async (out: string, ...args: readonly string[]): Promise<Uint8Array> => {
      const { stdout } = await pixartHere("sample", ...args, ...size, "--out", at(out));
      return (await RgbImage.decode(stdout.trim())).data;
    };
    const led = ["a ball", "--control-image", map];
    const fromRun = await draw("a", at("given"), ...led);
    expect(await draw("b", at("base"), ...led, "--controlnet", at("published"))).toEqual(fromRun);
    expect(await draw("c", at("base"), "a ball")).not.toEqual(fromRun);
  });

  it("shows on its last sample sheet what the pictures follow", async () => {
    const samples = readdirSync(join(at("given"), "samples"), { recursive: true }).map(String);
    const sheet = samples.filter((name) => /^controlnet-\d+\.png$/.test(name)).toSorted()[0] ?? "";
    const { width, height } = await RgbImage.decode(join(at("given"), "samples", sheet));
    expect(Math.max(width, height)).toBeGreaterThan(2 * 32);
  });

  it("resumes to the same bits", async () => {
    cpSync(at("given"), at("cut"), { recursive: true });
    for (const step of stepsOf("cut").slice(2)) rmSync(step, { recursive: true });
    await train("cut", at("given.json"), "--resume");
    const [mine, theirs] = [await openCheckpoint(last("cut")), await openCheckpoint(last("given"))];
    expect(mine.step).toBe(STEPS);
    for (const group of ["weights", "ema", "optimizer"])
      expectEqualTensors(mine.read(group), theirs.read(group));
  });

  it("learns the same from maps that it makes itself of pictures that are of its size", async () => {
    await train("edges", configFile("edges", { condition: "edges" }));
    const [mine, theirs] = await Promise.all(
      ["edges", "given"].map(async (run) => (await openCheckpoint(last(run))).read("weights")),
    );
    // A mirrored picture's edges are the edges mirrored.
    expectEqualTensors(mine ?? new Map(), theirs ?? new Map());
  });

  it("names the pictures that lack a control picture before it begins", async () => {
    await expect(train("none", configFile("none", {}))).rejects.toThrow(
      /^Expected a control picture for every picture, since stage "controlnet" trains a ControlNet, but 18 of 18 have none\. Name them in a column "control_image".*:\n {2}\S+ball-.*\n {2}and 13 more$/s,
    );
  });

  it("leaves out a picture whose control picture cannot be read, and says so", async () => {
    cpSync(at("maps"), at("broken"), { recursive: true });
    writeFileSync(at("broken/ring-green.png"), "no picture");
    const { stderr } = await train("hole", configFile("hole", {}, at("broken")));
    expect(stderr).toContain(`Warning: Left out: ${at("broken/ring-green.png")}: expected a`);
    expect(stderr).toContain('Stage "controlnet": 32 px, 15 pictures');
  });

  it("begins with the loss that the transformer has alone, to the last bit", async () => {
    await train("plain", configFile("plain", null));
    const firstLoss = (run: string): number | undefined =>
      readEvents(join(at(run), "events.jsonl")).flatMap((event) =>
        event.type === "step" && event.stage === "controlnet" ? event.loss : [],
      )[0];
    expect(firstLoss("given")).toBeGreaterThan(0);
    expect(firstLoss("given")).toBe(firstLoss("plain"));
  });
});
