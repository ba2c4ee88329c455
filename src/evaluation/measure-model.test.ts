import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { writeTinyClip } from "../../test/fixtures/tiny-clip.ts";
import type { RgbImage } from "../images/index.ts";
import { PixArtAlphaPipeline } from "../pipelines/index.ts";
import * as torch from "../torch/index.ts";
import { loadCLIP } from "./clip-score.ts";
import type { DrawOptions } from "./draw-captions.ts";
import type { CaptionedExample } from "./measure-captions.ts";
import { measureModel } from "./measure-model.ts";

const THINGS = ["red apple", "fox", "banana", "rainbow", "owl", "frog", "sunflower", "strawberry"];
const DRAWING = { steps: 4, guidanceScale: 3, seed: 5, size: 64 };
const OPTIONS = { count: 4, drawing: DRAWING };

let pipe: PixArtAlphaPipeline;
let images: readonly RgbImage[];

beforeAll(async () => {
  pipe = await PixArtAlphaPipeline.fromPretrained("emoji-demo");
  const captions = THINGS.map((thing) => `a ${thing}, noto style`);
  ({ images } = await pipe(captions, { numInferenceSteps: 6, seed: 1, cleanCaption: false }));
});
afterAll(() => pipe.dispose());

/** Pictures that the model drew itself, with labels or without. */
const examples = (label: Partial<CaptionedExample> = { style: "noto" }): CaptionedExample[] =>
  THINGS.map((thing, i) => ({
    path: `${thing}.png`,
    read: () => (images[i] as RgbImage).encodePng(),
    shortCaption: `a ${thing}, noto style`,
    thing: "style" in label ? thing : undefined,
    style: undefined,
    group: undefined,
    ...label,
  }));

describe("measureModel", () => {
  it("reads captions as it is told, and as they are by default", async () => {
    const asked = vi.spyOn(pipe, "checkInputs");
    const read = async (drawing: DrawOptions): Promise<Set<string>> => {
      asked.mockClear();
      const data = { train: examples(), heldout: [] };
      await measureModel(pipe, data, { count: 1, drawing });
      return new Set(
        asked.mock.calls.map(([, options]) =>
          JSON.stringify([options?.cleanCaption, options?.maxSequenceLength]),
        ),
      );
    };
    expect(await read(DRAWING)).toEqual(new Set(["[false,null]"]));
    const reading = { cleanCaption: true, maxSequenceLength: 60 };
    expect(await read({ ...DRAWING, reading })).toEqual(new Set(["[true,60]"]));
    expect(asked.mock.calls.length).toBeGreaterThan(1); // for the choice too
    asked.mockRestore();
  });

  it("measures what was trained on and what was held out, and leaves nothing behind", async () => {
    const before = torch.memory().tensors;
    const all = examples();
    const data = { train: all.slice(0, 6), heldout: all.slice(6) };
    const { seen, heldout } = await measureModel(pipe, data, OPTIONS);
    expect([seen?.n, heldout?.n]).toEqual([4, 2]);
    // What the model draws is nearest to what it drew before from the same caption.
    expect(seen?.nearest?.pixels.thingRate).toBeGreaterThan(0.5);
    expect(seen?.nearest?.pixels.chance.thing).toBe(1 / 8);
    expect(seen?.nearest).toMatchObject({ content: undefined, combined: undefined });
    expect(seen?.choice?.rate).toBeGreaterThan(0.5);
    expect(seen?.autoencoder?.psnr).toBeGreaterThan(15);
    expect(seen?.autoencoder?.nearest?.pixels.thingRate).toBe(1);
    expect(torch.memory().tensors).toBe(before);
  });

  it("measures a data set that has captions alone, and says what it can't", async () => {
    const notes: string[] = [];
    const onNote = (note: string): void => void notes.push(note);
    const data = { train: examples({}).slice(0, 5), heldout: [] };
    const { seen, heldout } = await measureModel(pipe, data, { ...OPTIONS, onNote });
    expect(heldout).toBeUndefined();
    expect(seen).toMatchObject({ n: 4, nearest: undefined, choice: undefined });
    expect(seen?.autoencoder?.psnr).toBeGreaterThan(15);
    expect(notes).toEqual([
      "Without a choice of captions: Expected captions of 8 things to choose from but received 5",
    ]);
  });

  it("scores pictures by CLIP where there is one", async () => {
    const folder = mkdtempSync(join(tmpdir(), "pixart-measure-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    await writeTinyClip(folder);
    const networks = { clip: await loadCLIP(folder) };
    const data = { train: examples(), heldout: [] };
    const { seen } = await measureModel(pipe, data, { ...OPTIONS, networks });
    expect(seen?.clipScore?.scores).toHaveLength(4);
    expect(seen?.clipScore?.mean).toBeLessThanOrEqual(100);
    expect(seen).toMatchObject({ frechetDistance: undefined, kernelDistance: undefined });
    networks.clip.model.dispose();
  });

  it("names pictures that can't be read, and measures the others", async () => {
    const notes: string[] = [];
    const onNote = (note: string): void => void notes.push(note);
    const all = examples();
    const damaged = { ...(all[2] as CaptionedExample), read: async () => new Uint8Array(9) };
    const train = all.map((each, i) => (i === 2 ? damaged : each));
    const options = { count: 8, drawing: { ...DRAWING, steps: 1 }, onNote };
    const { seen } = await measureModel(pipe, { train, heldout: [] }, options);
    expect(seen?.n).toBe(8);
    expect(seen?.autoencoder?.nearest?.pixels.n).toBe(7);
    expect(notes).toEqual([expect.stringMatching(/^Left out: banana\.png: /)]);
  });

  it("measures held-out pictures alone where no others are labelled", async () => {
    const train = examples({}).slice(0, 2);
    const heldout = examples().slice(2);
    const options = { count: 2, drawing: { ...DRAWING, steps: 1 } };
    const found = await measureModel(pipe, { train, heldout }, options);
    expect(found.seen).toBeUndefined();
    expect([found.heldout?.n, found.heldout?.nearest?.pixels.n]).toEqual([2, 2]);
  });

  it.each([
    ["labelled", 1],
    ["not labelled", 2],
  ])("draws, and says so, where none of the chosen pictures can be read: %s", async (_, kind) => {
    const notes: string[] = [];
    const onNote = (note: string): void => void notes.push(note);
    const all = kind === 1 ? examples() : examples({});
    const read = async (): Promise<Uint8Array> => new Uint8Array(9);
    const heldout = all.slice(0, 1).map((each) => ({ ...each, read }));
    const options = { count: 1, drawing: { ...DRAWING, steps: 1 }, onNote };
    const found = await measureModel(pipe, { train: all.slice(1), heldout }, options);
    expect(found.heldout).toMatchObject({ n: 1, choice: undefined, autoencoder: undefined });
    expect(found.heldout?.nearest?.pixels.n).toBe(kind === 1 ? 1 : undefined);
    expect(notes).toContain("Without real pictures: none of 1 could be read");
    expect(notes.filter((note) => note.startsWith("Left out: red apple.png: "))).toHaveLength(1);
  });
});
