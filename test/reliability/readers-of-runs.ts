import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { configFromJson, configToJson } from "../../src/config/index.ts";
import { CaptionJournal } from "../../src/curation/caption-journal.ts";
import { VerifiedFiles } from "../../src/data/verified-files.ts";
import { parseTree } from "../../src/hub/tree-file.ts";
import { parseManifest } from "../../src/training/contract/checkpoint-manifest.ts";
import { DataRecord } from "../../src/training/dataset/data-record.ts";
import { PictureContents } from "../../src/training/dataset/picture-contents.ts";
import { ControlFolder } from "../../src/training/run-folder/control.ts";
import { readEvents } from "../../src/training/run-folder/event-log.ts";
import { EventTail } from "../../src/training/run-folder/event-tail.ts";
import { readPictureLosses } from "../../src/training/run-folder/picture-losses-file.ts";
import { readRunConfig } from "../../src/training/run-folder/run-folder.ts";
import { readIdentity } from "../../src/training/run-folder/run-identity.ts";
import { isLockHeld } from "../../src/training/run-folder/run-lock.ts";
import type { FuzzedReader } from "./fuzzed-reader.ts";

const manifest: FuzzedReader = {
  name: "manifest",
  prepare: async (folder) => {
    cpSync(
      fileURLToPath(new URL("../faults/golden/version-1/step-00000007", import.meta.url)),
      folder,
      { recursive: true },
    );
    return ["manifest.json"];
  },
  // With the hash of the damaged text, so that what stands behind the hash is reached.
  seal: (damaged) => {
    const [body = ""] = damaged.toString().split(/,\n {2}"sha256": "/);
    const sha256 = createHash("sha256").update(body).digest("hex");
    return Buffer.from(`${body},\n  "sha256": "${sha256}"\n}\n`);
  },
  read: async (folder) => {
    const path = join(folder, "manifest.json");
    parseManifest(path, readFileSync(path, "utf8"));
  },
};

/** A file of text that one function reads. */
const text = (
  name: string,
  file: string,
  content: string | (() => string),
  read: (path: string, folder: string) => Promise<void> | void,
): FuzzedReader => ({
  name,
  prepare: async (folder) => {
    mkdirSync(join(folder, file, ".."), { recursive: true });
    writeFileSync(join(folder, file), typeof content === "string" ? content : content());
    return [file];
  },
  read: async (folder) => read(join(folder, file), folder),
});

const lines = (...values: readonly object[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join("");

const time = "2026-01-02T03:04:05.678Z";

const readText = (path: string): string => readFileSync(path, "utf8");

const RECIPE = {
  dataset: { folder: "data" },
  autoencoder: { pretrained: "m", subfolder: "vae" },
  transformer: { numLayers: 1, numAttentionHeads: 2, attentionHeadDim: 8 },
  stages: [
    {
      kind: "text-to-image",
      name: "a",
      resolution: 16,
      batchSize: 2,
      steps: 30,
      optimizer: { lr: 1e-3 },
    },
  ],
  sampling: { prompts: ["a ball"], steps: 1 },
} as const;

const EVENTS = lines(
  { type: "checkpoint", time, stage: "a", step: 1, path: "x" },
  {
    ...{ type: "step", time, stage: "a", step: 1, loss: 0.5, lossParts: { mse: 0.5 } },
    ...{ gradNorm: 1, seconds: { forward: 0.1 } },
  },
  { type: "validation", time, stage: "a", step: 1, losses: { heldout: 0.5 }, bands: {} },
  { type: "resume", time, stage: "a", step: 1 },
);

/** What runs, caches and the Hub leave. */
export const readersOfRuns: readonly FuzzedReader[] = [
  manifest,
  text("events", "events.jsonl", EVENTS, (path) => void readEvents(path)),
  text("event-tail", "events.jsonl", EVENTS, (path) => new EventTail(path).read()),
  text(
    "control",
    "control/a.json",
    JSON.stringify({ do: "save" }),
    (_, folder) => void new ControlFolder(folder).take(),
  ),
  text(
    "picture-losses",
    "losses/a.jsonl",
    lines({ stage: "a", step: 2, since: 0 }, { file: "x.png", seen: 1, loss: 0.5 }),
    async (_, folder) => void (await readPictureLosses(folder, "a")),
  ),
  text(
    "known-pictures",
    "data/known.jsonl",
    lines(["/data/x.png", "1-2-3-4", "0".repeat(32)]),
    (path) => new PictureContents().recall(path),
  ),
  text(
    "verified-files",
    "verified.jsonl",
    lines(["shard-0123456789abcdef.safetensors", "1-2-3-4"]),
    async (_, folder) => void (await VerifiedFiles.recall(folder)),
  ),
  text(
    "caption-journal",
    "journal.jsonl",
    lines(
      { file: "x.png", caption: "a ball", cut: false, model: "m", prompt: "p" },
      { file: "y.png", caption: "a box", cut: false, model: "m", prompt: "p" },
    ),
    async (path) => {
      using _ = await CaptionJournal.open(path, { model: "m", prompt: "p" });
    },
  ),
  text(
    "run-lock",
    "run.lock",
    lines({ pid: 999_999, host: "elsewhere", started: null, since: time }),
    (path) => void isLockHeld(path),
  ),
  text(
    "run-identity",
    "run.json",
    JSON.stringify({ id: "8e54d83d-f478-407b-bf8d-0a1dc7c67ef3", config: "a".repeat(64) }),
    (_, folder) => void readIdentity(folder),
  ),
  text(
    "data-record",
    "record.jsonl",
    lines(
      { file: "x.png", words: "a".repeat(32), bytes: "b".repeat(32) },
      { file: "y.png", words: "c".repeat(32), bytes: null, control: "d".repeat(32) },
    ),
    // With the digest of the damaged text, so that what stands behind it is reached.
    async (path) => {
      const digest = createHash("sha256").update(readFileSync(path)).digest("hex");
      await DataRecord.read(path, digest);
    },
  ),
  text(
    "hub-tree",
    "tree.json",
    JSON.stringify({
      format_version: 1,
      files: {
        "a/b.json": { size: 3, blob_id: "0".repeat(40), lfs_sha256: "1".repeat(64), lfs_size: 4 },
      },
    }),
    (path) => void parseTree(readText(path)),
  ),
  text("recipe", "recipe.json", JSON.stringify(RECIPE), (path) => {
    configFromJson(readText(path), path);
  }),
  text(
    "run-config",
    "config.json",
    () => configToJson(configFromJson(JSON.stringify(RECIPE), "recipe")),
    (_, folder) => void readRunConfig(folder),
  ),
];
