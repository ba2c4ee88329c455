import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BadFileError } from "../../src/files/reading/errors.ts";
import {
  newestCheckpoint,
  readCheckpoint,
  verifyCheckpoint,
} from "../../src/training/checkpoints/checkpoint-folder.ts";
import { SafetensorsBytes } from "../../src/weights/safetensors/safetensors-bytes.ts";
import { tries } from "../reliability/counts.ts";
import { content, prepare, save, scenarios } from "./scenario.ts";

const FLIPS = tries(200, 2_000);

const temporary = mkdtempSync(join(tmpdir(), "pixart-damage-"));
afterAll(() => rmSync(temporary, { recursive: true }));

const [scenario] = scenarios;
let root = "";
let newest = "";
beforeAll(async () => {
  if (scenario === undefined) throw new Error("no scenario");
  root = await prepare(temporary, scenario);
  newest = await save(root, scenario, "newer");
});

/** Damages a file, looks, and repairs it. */
async function whileDamaged<T>(
  file: string,
  damage: () => void,
  look: () => Promise<T>,
): Promise<T> {
  const intact = readFileSync(file);
  damage();
  try {
    return await look();
  } finally {
    writeFileSync(file, intact);
  }
}

describe("damage to the newest checkpoint", () => {
  const problem = (): Promise<unknown> => verifyCheckpoint(newest).catch((error: unknown) => error);

  it(`is found for each of ${FLIPS} random bits flipped, in any file`, async () => {
    const files = readdirSync(newest).map((name) => join(newest, name));
    expect(files).toHaveLength(3);
    const flips = fc.sample(fc.tuple(fc.constantFrom(...files), fc.nat(), fc.nat(7)), {
      numRuns: FLIPS,
      seed: 5,
    });
    for (const [file, where, bit] of flips) {
      const flipped = readFileSync(file);
      const at = where % flipped.length;
      flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
      const error = await whileDamaged(file, () => writeFileSync(file, flipped), problem);
      expect(error, `${file} bit ${bit} of byte ${at}`).toBeInstanceOf(BadFileError);
      expect((error as Error).message).toContain(file);
    }
    expect(await problem()).toMatchObject({ step: 3 });
  });

  it("is told with hash found and expected, and the older one is taken", async () => {
    const file = join(newest, "model.safetensors");
    const flipped = readFileSync(file);
    flipped[flipped.length - 1] = 99;
    const warnings: string[] = [];
    const found = await whileDamaged(
      file,
      () => writeFileSync(file, flipped),
      () => newestCheckpoint(root, (message) => warnings.push(message)),
    );
    expect(found?.step).toBe(2);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /^Skipped a damaged checkpoint: .*step-00000003\/model\.safetensors: sha256: expected [0-9a-f]{64}, as the manifest says but found [0-9a-f]{64}$/,
    );
  });

  it("is found by length alone where a file was cut, grew or is gone", async () => {
    const file = join(newest, "optimizer.safetensors");
    const length = readFileSync(file).length;
    const look = (): Promise<unknown> => readCheckpoint(newest).catch((error: unknown) => error);
    const cut = await whileDamaged(file, () => truncateSync(file, length - 1), look);
    expect((cut as Error).message).toBe(
      `${file}: length: expected ${length} bytes, as the manifest says but found ${length - 1}`,
    );
    const grown = await whileDamaged(file, () => truncateSync(file, length + 1), look);
    expect((grown as Error).message).toContain(`but found ${length + 1}`);
    const gone = await whileDamaged(file, () => rmSync(file), look);
    expect((gone as Error).message).toContain("but found no such file");
  });

  it("is found where a folder bears another step's name", async () => {
    const renamed = join(temporary, "step-00000009");
    cpSync(newest, renamed, { recursive: true });
    await expect(verifyCheckpoint(renamed)).rejects.toThrow(
      "manifest.json: step: expected the step of step-00000009 but found 3",
    );
  });

  it("does not start a run over: with no whole checkpoint left, looking for one throws", async () => {
    const copy = join(temporary, "all-damaged");
    cpSync(root, copy, { recursive: true });
    for (const name of readdirSync(copy).filter((entry) => entry.startsWith("step-"))) {
      rmSync(join(copy, name, "manifest.json"));
    }
    await expect(newestCheckpoint(copy, () => {})).rejects.toThrow(
      `${copy}: checkpoints: expected one that is intact but found 2 damaged; restore one from a copy, or move the folder away to start over`,
    );
    expect(await newestCheckpoint(join(temporary, "nothing"))).toBeUndefined();
  });

  it("stays as evidence: pruning counts and deletes whole checkpoints only", async () => {
    const copy = join(temporary, "evidence");
    cpSync(root, copy, { recursive: true });
    truncateSync(join(copy, "step-00000003", "model.safetensors"), 9);
    await save(copy, { step: 4, keep: 2, groups: ["model"] }, "newer");
    await save(copy, { step: 5, keep: 1, groups: ["model"] }, "newer");
    const left = readdirSync(copy).filter((name) => name.startsWith("step-"));
    expect(left).toEqual(["step-00000003", "step-00000005"]);
  });
});

describe("checkpoints of earlier releases", () => {
  // Written once by the release that introduced the version, never again.
  it.each(["step-00000007"])("version 1, %s, loads for ever", async (name) => {
    const path = fileURLToPath(new URL(`golden/version-1/${name}`, import.meta.url));
    const checkpoint = await verifyCheckpoint(path);
    expect(checkpoint).toMatchObject({
      version: 1,
      step: 7,
      stage: "align",
      createdAt: "2026-01-02T03:04:05.678Z",
      state: { seed: 42, epoch: { index: 1, position: 96 }, learningRate: 0.0001, resumed: false },
    });
    expect(checkpoint.files.map((file) => file.name)).toEqual([
      "model.safetensors",
      "optimizer.safetensors",
    ]);
    using model = new SafetensorsBytes(join(path, "model.safetensors"));
    const expected = content(7, "model", "newer");
    expect([...model.tensors.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [key, { dtype, shape, bytes }] of expected) {
      expect(model.tensors.get(key)).toMatchObject({ dtype, shape });
      expect(Buffer.from(model.bytes(key))).toEqual(Buffer.from(bytes));
    }
  });
});
