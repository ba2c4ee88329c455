import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { makeOutputFolder } from "../../src/cli/drawing/picture-files.ts";
import { renderEmojiDataset } from "../../src/data/emoji/render.ts";
import { convertDataset } from "../../src/data/writing/convert-dataset.ts";
import {
  convertCheckpoint,
  PixArtControlNetAdapterModel,
  PixArtTransformer2DModel,
} from "../../src/models/index.ts";
import { publishControlNet } from "../../src/pipelines/published/publish.ts";
import {
  cleanLeftovers,
  newestCheckpoint,
} from "../../src/training/checkpoints/checkpoint-folder.ts";
import { saveCheckpointBytes } from "../../src/training/checkpoints/checkpoint-save.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";

const top = mkdtempSync(join(tmpdir(), "pixart-own-"));
afterAll(() => rmSync(top, { recursive: true }));

const sizes = {
  sampleSize: 8,
  numLayers: 2,
  attentionHeadDim: 8,
  numAttentionHeads: 2,
  captionChannels: 16,
  crossAttentionDim: 16,
};
const model = join(top, "model");
const data = join(top, "data");
let controlnet: PixArtControlNetAdapterModel;
beforeAll(async () => {
  const transformer = new PixArtTransformer2DModel(sizes);
  await transformer.savePretrained(model);
  controlnet = PixArtControlNetAdapterModel.fromTransformer(transformer, { numLayers: 1 });
  await writeTinyDataset(data);
});

let work: string;
let precious: string;
beforeEach(() => {
  work = mkdtempSync(join(top, "case-"));
  precious = mkdtempSync(join(top, "precious-"));
  writeFileSync(join(precious, "mine.txt"), "mine");
});
const expectWhole = (folder = precious): void =>
  expect(readFileSync(join(folder, "mine.txt"), "utf8")).toBe("mine");

const heads = { heads: 2 };
/** All that fill a place of their own before it takes its name. */
const commands: readonly (readonly [name: string, run: (out: string) => Promise<unknown>])[] = [
  ["publish", (out) => publishControlNet(controlnet, out, { dtype: "float32" })],
  ["convert to a folder", (out) => convertCheckpoint(model, out, { ...heads, to: "diffusers" })],
  [
    "convert to safetensors",
    (out) => convertCheckpoint(model, out, { ...heads, to: "single-file" }),
  ],
  ["convert to .pth", (out) => convertCheckpoint(model, out, { ...heads, to: "original" })],
  ["dataset emoji", (out) => renderEmojiDataset(out, { size: 16, limit: 3 })],
  ["dataset convert", (out) => convertDataset(data, out, { to: "jsonl" })],
];

describe.each(commands)("%s", (_, run) => {
  it("leaves alone what is called as its own staging might be", async () => {
    const out = join(work, "out");
    mkdirSync(`${out}.partial`);
    writeFileSync(join(`${out}.partial`, "mine.txt"), "mine");
    await run(out);
    expectWhole(`${out}.partial`);
    expect(readdirSync(work)).toEqual(["out", "out.partial"]);
  });

  it("leaves alone a file, and what a link points to, of that name", async () => {
    const [out, other] = [join(work, "out"), join(work, "other")];
    writeFileSync(`${out}.partial`, "mine");
    symlinkSync(precious, `${other}.partial`);
    await run(out);
    await run(other);
    expect(readFileSync(`${out}.partial`, "utf8")).toBe("mine");
    expect(lstatSync(`${other}.partial`).isSymbolicLink()).toBe(true);
    expectWhole();
  });

  it.skipIf(!existsSync("/proc/self"))("ends where nothing can be made", async () => {
    await expect(run("/proc/x")).rejects.toThrow(
      /^\/proc\/x: expected to make a folder next to it but found a place that is not there, or in which nothing can be made \(ENOENT\)/,
    );
  });
});

it.skipIf(!existsSync("/proc/self"))(
  "a folder for pictures is refused where none can be made",
  async () => {
    await expect(makeOutputFolder({ folder: "/proc/x" })).rejects.toThrow(
      "/proc/x: expected to make this folder but found a place that is not there, or in which nothing can be made (ENOENT); write elsewhere",
    );
  },
);

describe("checkpoints", () => {
  let root: string;
  beforeEach(() => {
    root = join(work, "checkpoints");
  });
  const warnings: string[] = [];
  const save = (step: number, keep: number): Promise<string> =>
    saveCheckpointBytes(root, {
      step,
      keep,
      stage: "a",
      state: null,
      groups: new Map([["model", new Map()]]),
      warn: (message) => warnings.push(message),
    });
  /** Moves something to another disk, as it were, and leaves a link in its place. */
  function archive(path: string): string {
    const archived = join(precious, "archived");
    renameSync(path, archived);
    symlinkSync(archived, path);
    return archived;
  }

  it("that were moved to an archive are not emptied there when they are pruned", async () => {
    const archived = archive(await save(1, 1));
    await save(2, 1);
    expect(readdirSync(archived).sort()).toEqual(["manifest.json", "model.safetensors"]);
    expect(readdirSync(root).sort()).toEqual(["latest", "step-00000002"]);
    expect(warnings).toEqual([]);
  });

  it("whose file was moved to an archive are pruned, and the file stays", async () => {
    const path = await save(1, 1);
    const archived = archive(join(path, "model.safetensors"));
    await save(2, 1);
    expect(existsSync(archived)).toBe(true);
    expect(readdirSync(root).sort()).toEqual(["latest", "step-00000002"]);
  });

  it("that are saved anew take the place of a link, and of nothing else", async () => {
    const archived = archive(await save(1, 1));
    await save(1, 1);
    expect(readdirSync(archived).sort()).toEqual(["manifest.json", "model.safetensors"]);
    expect(lstatSync(join(root, "step-00000001")).isDirectory()).toBe(true);
  });

  it.each([".trash-x", ".tmp-x", ".trash-step-00000009-0123456789ab", ".tmp-latest-0123456789ab"])(
    "start with the cleaning of leftovers, which follows no link: %s",
    async (name) => {
      await save(1, 1);
      symlinkSync(precious, join(root, name));
      symlinkSync(join(work, "nowhere"), join(root, ".tmp-step-00000002-0123456789ab"));
      await cleanLeftovers(root);
      expectWhole();
      expect(existsSync(join(root, ".tmp-step-00000002-0123456789ab"))).toBe(false);
      expect((await newestCheckpoint(root))?.step).toBe(1);
    },
  );

  it("leave alone what is only called alike", async () => {
    await save(1, 1);
    const names = [".tmp-mine", ".trash-2024", ".tmp-step-00000002", ".old-step-00000001-x"];
    for (const name of names) mkdirSync(join(root, name));
    expect(await cleanLeftovers(root)).toEqual([]);
    expect(readdirSync(root).sort()).toEqual([...names, "latest", "step-00000001"].sort());
  });
});
