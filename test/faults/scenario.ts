import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  cleanLeftovers,
  listCheckpoints,
  newestCheckpoint,
  POINTER_NAME,
  verifyCheckpoint,
} from "../../src/training/checkpoints/checkpoint-folder.ts";
import { saveCheckpointBytes } from "../../src/training/checkpoints/checkpoint-save.ts";
import type { LazyTensor } from "../../src/weights/lazy-tensors.ts";
import {
  SafetensorsBytes,
  type TensorBytes,
} from "../../src/weights/safetensors/safetensors-bytes.ts";

/** What is on the disk before, and the save that is to be disturbed. */
export interface Scenario {
  readonly name: string;
  /** Steps that are saved undisturbed. */
  readonly before: readonly number[];
  readonly step: number;
  readonly keep: number;
  readonly groups: readonly string[];
}

/** The three layouts of the promise. */
export const scenarios: readonly Scenario[] = [
  {
    name: "third save, oldest deleted",
    before: [1, 2],
    step: 3,
    keep: 2,
    groups: ["model", "optimizer"],
  },
  { name: "first save", before: [], step: 1, keep: 1, groups: ["model"] },
  { name: "save over the same step", before: [1, 2], step: 2, keep: 2, groups: ["model", "ema"] },
];

/** A tensor whose bytes tell step and group. */
export const content = (
  step: number,
  group: string,
  generation: string,
): Map<string, TensorBytes> =>
  new Map([
    [
      "w",
      { dtype: "uint8", shape: [3], bytes: Buffer.from([step, group.length, generation.length]) },
    ],
    ["b", { dtype: "float32", shape: [64], bytes: new Uint8Array(256).fill(step) }],
  ]);

const lazily = (tensors: ReadonlyMap<string, TensorBytes>): Map<string, LazyTensor> =>
  new Map(
    [...tensors].map(([name, { bytes, ...spec }]) => [name, { ...spec, bytes: () => bytes }]),
  );

/** Saves one step; `generation` tells a second save of the same step from the first. */
export const save = (
  root: string,
  { step, keep, groups }: Pick<Scenario, "step" | "keep" | "groups">,
  generation: "old" | "newer",
  warn: (message: string) => void = () => {},
): Promise<string> =>
  saveCheckpointBytes(root, {
    step,
    keep,
    warn,
    stage: "align",
    state: { step },
    groups: new Map(groups.map((group) => [group, lazily(content(step, group, generation))])),
  });

/** Puts the scenario's earlier checkpoints under a new folder of `parent`. */
export async function prepare(parent: string, { before, keep, groups }: Scenario): Promise<string> {
  const folder = join(parent, randomBytes(6).toString("hex"));
  const root = join(folder, "checkpoints");
  mkdirSync(folder);
  for (const step of before) await save(root, { step, keep, groups }, "old");
  return root;
}

/** What a restart finds. */
export interface Found {
  readonly newest: number | undefined;
  /** Whether the newest checkpoint is the disturbed save's. */
  readonly isNew: boolean;
  readonly steps: readonly number[];
  /** The step that the pointer names. */
  readonly pointer: number | undefined;
  /** Warnings about damaged checkpoints: there must be none. */
  readonly warnings: readonly string[];
  /** Hidden names that the cleaning left: there must be none. */
  readonly leftovers: readonly string[];
}

/** Does what a restarted run does first: clean, then look for the newest checkpoint; reads all of them. */
export async function restart(root: string, scenario: Scenario): Promise<Found> {
  const warnings: string[] = [];
  await cleanLeftovers(root);
  const newest = await newestCheckpoint(root, (message) => warnings.push(message));
  const listed = await listCheckpoints(root);
  for (const { path } of listed) if (path !== newest?.path) await verifyCheckpoint(path);
  return {
    newest: newest?.step,
    isNew: newest?.step === scenario.step && generationOf(newest.path) === "newer".length,
    steps: listed.map(({ step }) => step),
    pointer: pointerOf(root),
    warnings,
    leftovers: newest === undefined ? [] : readdirSync(root).filter((name) => name.startsWith(".")),
  };
}

function generationOf(path: string): number | undefined {
  using file = new SafetensorsBytes(join(path, "model.safetensors"));
  return file.bytes("w")[2];
}

function pointerOf(root: string): number | undefined {
  const path = join(root, POINTER_NAME);
  return existsSync(path) ? Number(readFileSync(path, "utf8").slice("step-".length)) : undefined;
}
