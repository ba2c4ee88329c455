import { execFileSync } from "node:child_process";
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fileWriter, ParquetWriter } from "hyparquet-writer";
import textChunk from "png-chunk-text";
import encodeChunks from "png-chunks-encode";
import extractChunks from "png-chunks-extract";
import { formatPythonJson, parsePythonJson } from "../../src/files/reading/python-json.ts";
import { RgbImage } from "../../src/images/index.ts";
import { spieceModel } from "../fixtures/spiece-model.ts";
import { tinyConfig } from "../fixtures/tiny-config.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";

/** Something from a stranger, or a slip of the hand, and the command that meets it. */
export interface HostileCase {
  readonly name: string;
  readonly args: readonly string[];
  /** What the command says; "done" where it does its work all the same. */
  readonly says: RegExp | "done";
}

type Json = Readonly<Record<string, unknown>>;
/** Writes something at a path. */
type Write = (path: string) => void;

const MODEL = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const GOLDEN = fileURLToPath(new URL("golden/hangs.parquet", import.meta.url));
const UNCHANGED = ["--steps", "1", "--device", "cpu"];
const WEIGHTS = "transformer/diffusion_pytorch_model.safetensors";

const pipe: Write = (path) => execFileSync("mkfifo", [path]);
const zeros: Write = (path) => symlinkSync("/dev/zero", path);
const folder: Write = (path) => mkdirSync(path);
const text =
  (content: string): Write =>
  (path) =>
    writeFileSync(path, content);
/** A file that has no bytes on the disk. */
const sparse =
  (size: number): Write =>
  (path) => {
    closeSync(openSync(path, "w"));
    truncateSync(path, size);
  };
const nested = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;

/** Makes all cases below a folder. */
export async function hostileCases(root: string): Promise<readonly HostileCase[]> {
  const cases: HostileCase[] = [];
  const place = (name: string): string => join(root, name.replace(/[^\w.-]+/g, "-"));
  const add = (name: string, says: HostileCase["says"], ...args: readonly string[]): void => {
    cases.push({ name, says, args });
  };
  const sample = (model: string, ...args: readonly string[]): string[] => [
    ...["sample", model, "a fox", "--out", join(root, "drawn")],
    ...[...UNCHANGED, ...args],
  ];

  /** The shipped model with other files in some places, by links. */
  const model = (name: string, files: Readonly<Record<string, Write | undefined>>): string => {
    const made = place(`model ${name}`);
    for (const inner of readdirSync(MODEL, { recursive: true, withFileTypes: true })) {
      if (!inner.isFile()) continue;
      const path = join(inner.parentPath, inner.name).slice(MODEL.length + 1);
      mkdirSync(dirname(join(made, path)), { recursive: true });
      symlinkSync(join(MODEL, path), join(made, path));
    }
    for (const [path, write] of Object.entries(files)) {
      rmSync(join(made, path), { force: true });
      write?.(join(made, path));
    }
    return made;
  };
  const changed =
    (path: string, change: Json): Write =>
    (to) => {
      const json = parsePythonJson(readFileSync(join(MODEL, path), "utf8")) as Json;
      writeFileSync(to, formatPythonJson({ ...json, ...change }));
    };
  const addConfig = (part: string, change: Json, says: RegExp, what = JSON.stringify(change)) => {
    const path = part === "scheduler" ? "scheduler/scheduler_config.json" : `${part}/config.json`;
    const name = `${part} ${what.slice(0, 60)}`;
    add(name, says, ...sample(model(name, { [path]: changed(path, change) })));
  };

  // Model folders: counts and sizes.
  for (const layers of [1e6, 1e9, 20_000, 7]) {
    const says = /num_layers: expected the 6 that the weights contain .* but found \d+;/;
    addConfig("transformer", { num_layers: layers }, says);
  }
  const misfit = /do not fit|sizes that weights can have|Expected/;
  addConfig("transformer", { num_attention_heads: 1e9 }, misfit);
  addConfig("transformer", { attention_head_dim: 4e12 }, misfit);
  addConfig("transformer", { in_channels: 1e15 }, misfit);
  addConfig("transformer", { caption_channels: 1e14 }, misfit);
  addConfig("transformer", { cross_attention_dim: 1e14 }, misfit);
  addConfig("transformer", { patch_size: 1e6 }, misfit);
  addConfig("transformer", { out_channels: 1e15 }, misfit);
  addConfig("transformer", { sample_size: 1e6 }, /an integer from 1 to 1000 for sample_size/);
  addConfig("transformer", { mlp_ratio: 1e300 }, misfit);
  addConfig("vae", { layers_per_block: 1e9 }, /layers_per_block: expected the \d that the weights/);
  const many = Array.from({ length: 100_000 }, () => 32);
  addConfig("vae", { block_out_channels: many }, /block_out_channels|blockOutChannels/, "levels");
  addConfig("vae", { latent_channels: 1e14 }, misfit);
  addConfig("text_encoder", { num_layers: 1e9 }, /num_layers: expected the 2 that the weights/);
  addConfig("text_encoder", { vocab_size: 1e15 }, misfit);
  addConfig("text_encoder", { d_ff: 1e15 }, misfit);
  addConfig("text_encoder", { relative_attention_num_buckets: 4e9 }, misfit);
  addConfig("scheduler", { num_train_timesteps: 1e9 }, /from 1 to 100000 for num_train_timesteps/);
  const betas = Array.from({ length: 500_000 }, () => 0.1);
  addConfig("scheduler", { trained_betas: betas }, /for trained_betas/, "betas");
  const unknown = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`f_${i}`, i]));
  add(
    "unknown fields",
    "done",
    ...sample(
      model("u", {
        "transformer/config.json": changed("transformer/config.json", unknown),
      }),
    ),
  );
  add(
    "a long unknown field",
    "done",
    ...sample(
      model("v", {
        "transformer/config.json": changed("transformer/config.json", { ["x".repeat(1e6)]: 1 }),
      }),
    ),
  );

  // Model folders: what stands in files' places.
  for (const path of [
    "model_index.json",
    "transformer/config.json",
    "vae/config.json",
    "text_encoder/config.json",
    "scheduler/scheduler_config.json",
    "tokenizer/tokenizer.json",
    WEIGHTS,
  ]) {
    const says = /but found a device, pipe or socket/;
    add(`a pipe for ${path}`, says, ...sample(model(`pipe ${path}`, { [path]: pipe })));
    add(`/dev/zero for ${path}`, says, ...sample(model(`zero ${path}`, { [path]: zeros })));
  }
  const config = "transformer/config.json";
  const inConfig = (name: string, write: Write, says: RegExp): void =>
    add(`config: ${name}`, says, ...sample(model(`config ${name}`, { [config]: write })));
  inConfig("a folder", folder, /but found a folder/);
  inConfig("10 GB", sparse(1e10), /of at most 4194304 bytes but found 10000000000 bytes/);
  inConfig("nested", text(`{"a":${nested(100_000)}}`), /Nesting of 100001 levels/);
  inConfig("4 MB of lists", text(`{"a":[${"[],".repeat(1_300_000)}[]]}`), /Expected|expected/);
  const index = "transformer/diffusion_pytorch_model.safetensors.index.json";
  const inIndex = (name: string, write: Write, says: RegExp): void =>
    add(
      `index: ${name}`,
      says,
      ...sample(model(`index ${name}`, { [WEIGHTS]: undefined, [index]: write })),
    );
  inIndex("a pipe", pipe, /but found a device, pipe or socket/);
  inIndex("/dev/zero", zeros, /but found a device, pipe or socket/);
  inIndex("nested", text(nested(1e6)), /Nesting/);

  // Tokenizers.
  const tokenizer = JSON.parse(readFileSync(join(MODEL, "tokenizer/tokenizer.json"), "utf8")) as {
    readonly added_tokens: readonly Json[];
    readonly model: { readonly vocab: readonly unknown[] };
  };
  const inTokenizer = (name: string, json: unknown, says: HostileCase["says"]): void => {
    const write = text(typeof json === "string" ? json : JSON.stringify(json));
    const made = model(`tokenizer ${name}`, { "tokenizer/tokenizer.json": write });
    add(`tokenizer: ${name}`, says, ...sample(made));
  };
  const addedTokens = [
    ...tokenizer.added_tokens,
    ...Array.from({ length: 200_000 }, (_, i) => ({ id: 325 + i, content: `<added_${i}>` })),
  ];
  inTokenizer("200,000 added tokens", { ...tokenizer, added_tokens: addedTokens }, "done");
  const grow = { type: "Replace", pattern: { String: "o" }, content: "o".repeat(200) };
  const normalizer = { type: "Sequence", normalizers: Array.from({ length: 20 }, () => grow) };
  inTokenizer(
    "a text that grows",
    { ...tokenizer, normalizer },
    /makes at most 1000000 characters/,
  );
  const deep = JSON.stringify(tokenizer).replace(
    /"normalizer":null/,
    `"normalizer":${nested(1e5)}`,
  );
  inTokenizer("nested", deep, /Nesting of 100001 levels/);
  const vocab = (pieces: readonly unknown[]) => ({
    ...tokenizer,
    model: { ...tokenizer.model, vocab: [...tokenizer.model.vocab, ...pieces] },
  });
  inTokenizer("a piece of a megabyte", vocab([["x".repeat(1e6), -1]]), /at most 512 characters/);
  const pieces = Array.from({ length: 1_000_000 }, (_, i) => [`p${i}`, -1]);
  inTokenizer("a million pieces", vocab(pieces), /at most 524288 lists but found 1000/);
  const spiece = spieceModel({
    pieces: [
      ["<pad>", 0],
      ["</s>", 0],
      ["<unk>", 0],
      ["▁a", -1],
      ["▁fox", -2],
    ],
  });
  add(
    "10,000,000 extra ids",
    /extra_ids: expected an integer from 0 to 32128/,
    ...sample(
      model("extra ids", {
        "tokenizer/tokenizer.json": undefined,
        "tokenizer/spiece.model": (path) => writeFileSync(path, spiece),
        "tokenizer/tokenizer_config.json": text('{"extra_ids": 1e7}'),
      }),
    ),
  );

  // Flags.
  const flag = (says: RegExp, ...args: readonly string[]): void =>
    add(
      `sample ${args.join(" ")}`.replaceAll(root, ""),
      says,
      ...["sample", MODEL, "a fox", "--out", join(root, "drawn")],
      ...args,
    );
  flag(/Expected at most 999 \(one less than the training timesteps\)/, "--steps", "1001");
  flag(/a whole number up to 100000/i, "--steps", "1000000000");
  flag(/a whole number up to 100000/i, "--images", "1000000000");
  flag(/a whole number up to 65535/i, "--width", "100000000");
  flag(/at most 64 megapixels/, "--width", "60000", "--height", "60000", "--steps", "1");
  flag(/a whole number up to 100000/i, "--batch", "1000000000");
  flag(/a whole number up to 4096/i, "--max-length", "1000000000");
  flag(/Expected at most \d+ for --gpus on this machine/, "--gpus", "99999999");
  flag(/expected a file but found a device/, "--init-image", "/dev/zero");
  const lonely = place("pipe");
  pipe(lonely);
  flag(/expected a file but found a device/, "--init-image", lonely);

  // Pictures' records.
  const picture = await new RgbImage(8, 8, new Uint8Array(192)).encodePng();
  const [header, ...rest] = extractChunks(picture);
  if (header === undefined) throw new Error("Expected a PNG");
  const record = {
    ...{ prompt: "a fox", steps: 1, sampler: "dpm-solver++", guidanceScale: 4.5, seed: 0 },
    ...{ width: 64, height: 64 },
  };
  const inPicture = (name: string, said: unknown, says: RegExp): void => {
    const path = `${place(`record ${name}`)}.png`;
    const json = typeof said === "string" ? said : JSON.stringify(said);
    writeFileSync(path, encodeChunks([header, textChunk.encode("pixart", json), ...rest]));
    add(`record: ${name}`, says, "sample", MODEL, "--from", path, "--out", join(root, "drawn"));
  };
  inPicture("steps 1e9", { ...record, steps: 1e9 }, /at most 100000 .*1000000000/);
  inPicture("width 1e9", { ...record, width: 1e9 }, /at most 64 megapixels/);
  inPicture(
    "a batch that is an object",
    { ...record, extra: { batchSize: {} } },
    /extra\.batchSize/,
  );
  inPicture("deep", `{"a":${nested(100_000)}}`, /more than 16 levels/);
  const timesteps = Array.from({ length: 1_000_000 }, () => 1);
  inPicture("a million timesteps", { ...record, extra: { timesteps } }, /extra\.timesteps/);
  const adapters = Array.from({ length: 500_000 }, () => ({ name: "a", scale: 1 }));
  inPicture("half a million adapters", { ...record, adapters }, /adapters: .*at most 1000/);
  inPicture("100 MB", "x".repeat(1e8), /at most 16777216 are read/);
  const bLaL = encodeChunks([header, { name: "bLaL", data: new Uint8Array() }]).slice(-12);
  writeFileSync(
    `${place("chunks")}.png`,
    Buffer.concat([picture.subarray(0, 33), ...Array.from({ length: 500_000 }, () => bLaL)]),
  );
  add(
    "half a million chunks",
    /more than 262144 chunks/,
    "sample",
    MODEL,
    "--from",
    `${place("chunks")}.png`,
  );
  add("a pipe as a record", /found a device/, "sample", MODEL, "--from", lonely);

  // Adapters.
  const adapter = (name: string, given: Json | Write, says: RegExp): void => {
    const made = place(`adapter ${name}`);
    mkdirSync(made);
    const path = join(made, "adapter_config.json");
    if (typeof given === "function") given(path);
    else {
      const config = { peft_type: "LORA", r: 4, lora_alpha: 4, target_modules: ["to_q"] };
      writeFileSync(path, JSON.stringify({ ...config, ...given }));
    }
    copyFileSync(
      join(MODEL, "text_encoder/model.safetensors"),
      join(made, "adapter_model.safetensors"),
    );
    add(`adapter: ${name}`, says, ...sample(MODEL, "--lora", made));
  };
  const evil = "(([a-z0-9_.])+)+!";
  const slow = /Expected regular expressions that take less than 1 s/;
  adapter("target_modules", { target_modules: evil }, slow);
  adapter("exclude_modules", { exclude_modules: evil }, slow);
  adapter("rank_pattern", { rank_pattern: { [evil]: 4 } }, slow);
  adapter("alpha_pattern", { alpha_pattern: { [`(?=${evil})`]: 4 } }, slow);
  adapter("layers_pattern", { layers_to_transform: [1], layers_pattern: [evil] }, slow);
  const ranks = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`a${i}`, 4]));
  adapter("100,000 ranks", { rank_pattern: ranks }, /for rank_pattern/);
  adapter("rank 1e9", { r: 1e9 }, /fit|Expected/);
  adapter("a long pattern", { target_modules: "a?".repeat(50_000) }, /at most 10000 characters/);
  adapter(
    "rotations in 1e9 terms",
    { peft_type: "OFT", r: 0, oft_block_size: 4, num_cayley_neumann_terms: 1e9 },
    /from 1 to 100 for num_cayley/,
  );
  adapter("a pipe", pipe, /found a device/);
  adapter("/dev/zero", zeros, /found a device/);

  // Data sets.
  const data = (
    name: string,
    files: Readonly<Record<string, Write>>,
    says: HostileCase["says"],
  ): void => {
    const made = place(`data ${name}`);
    mkdirSync(made);
    for (const [path, write] of Object.entries(files)) write(join(made, path));
    add(`data: ${name}`, says, "dataset", "check", made);
  };
  const png: Write = (path) => writeFileSync(path, picture);
  data(
    "parquet that hangs",
    { "train.parquet": (path) => copyFileSync(GOLDEN, path) },
    /pages that were not read after 1.5 s|readable pages/,
  );
  const other = (change: (column: Column) => void) => (group: Group) => {
    for (const { meta_data: column } of group.columns) if (column !== undefined) change(column);
  };
  // What a page says of itself goes before what the footer says of it.
  for (const [name, says, lie] of [
    ["rows", /at most \d+ rows/, (group: Group) => Object.assign(group, { num_rows: 2n ** 60n })],
    ["values", "done", other((column) => Object.assign(column, { num_values: 2n ** 40n }))],
    ["sizes", "done", other((one) => Object.assign(one, { total_compressed_size: 2n ** 45n }))],
    ["offsets", /readable pages/, other((one) => Object.assign(one, { data_page_offset: 5n }))],
  ] as const) {
    data(
      `parquet with other ${name}`,
      { "train.parquet": (path) => lyingParquet(path, picture, lie) },
      says,
    );
  }
  data("parquet: a pipe", { "train.parquet": pipe }, /Expected|expected|found/);
  data("table: a pipe", { "a.png": png, "metadata.jsonl": pipe }, /found a device/);
  data("table: /dev/zero", { "a.png": png, "metadata.csv": zeros }, /found a device/);
  data("table: 10 GB", { "a.png": png, "metadata.csv": sparse(1e10) }, /found 10000000000 bytes/);
  data("lines: 10 GB", { "a.png": png, "metadata.jsonl": sparse(1e10) }, /at most 16777216 bytes/);
  data(
    "table: a line of 20 MB",
    { "a.png": png, "metadata.jsonl": text(`{"file_name":"a.png","text":"${"x".repeat(2e7)}"}\n`) },
    /at most 16777216 bytes/,
  );
  data(
    "table: nested",
    {
      "a.png": png,
      "metadata.jsonl": text(`{"file_name":"a.png","text":"x","more":${nested(1e5)}}\n`),
    },
    /expected JSON/,
  );
  data("list: nested", { "a.png": png, "data_info.json": text(nested(1e6)) }, /Nesting|expected/i);
  data(
    "side-car: a pipe",
    { "a.png": png, "a.txt": pipe, "b.png": png, "b.txt": text("b") },
    "done",
  );
  data(
    "side-car: /dev/zero",
    { "a.png": png, "a.txt": zeros, "b.png": png, "b.txt": text("b") },
    "done",
  );
  data(
    "picture: a pipe",
    { "a.png": pipe, "a.txt": text("a"), "b.png": png, "b.txt": text("b") },
    "done",
  );
  data(
    "picture: 10 GB",
    { "a.png": sparse(1e10), "a.txt": text("a"), "b.png": png, "b.txt": text("b") },
    "done",
  );

  // Configs.
  const pictures = place("pictures");
  await writeTinyDataset(pictures);
  const recipe = (name: string, options: readonly string[], says: RegExp): void => {
    const path = `${place(`recipe ${name}`)}.json`;
    writeFileSync(path, JSON.stringify({ ...tinyConfig(pictures), workDir: place(`run ${name}`) }));
    add(`recipe: ${name}`, says, "train", path, "--dry-run", "--cfg-options", ...options);
  };
  const held = /Expected a model that fits in .* of memory, with at most 100000 tensors, for/;
  recipe("100,000 layers", ["transformer.numLayers=100000"], held);
  recipe("1e9 layers", ["transformer.numLayers=1000000000"], held);
  recipe("layers of text", ["textEncoder.numLayers=1000000000"], held);
  recipe("layers of pictures", ["autoencoder.layersPerBlock=1000000000"], held);
  recipe("heads", ["transformer.numAttentionHeads=1000000000000"], /do not fit in memory/);
  recipe(
    "batch",
    ["stages.0.batchSize=1000000000"],
    /an integer up to 1000000 for stages.0.batchSize/,
  );
  recipe("threads", ["threads=1000000000"], /an integer up to 4096 for threads/);
  recipe("some threads", ["threads=4000"], /Expected at most \d+ for threads on this machine/);
  recipe("passes", ["stages.0.gradientAccumulation=1000000000"], /an integer up to 100000/);
  recipe(
    "sampling steps",
    ["sampling.steps=1000000000"],
    /an integer up to 999 for sampling.steps/,
  );
  recipe(
    "epochs",
    ['stages.0.steps={"epochs":1e300}'],
    /a number up to 1000000 for stages.0.steps.epochs/,
  );
  recipe("steps", ["stages.0.steps=10000000000"], /an integer up to 1000000000 for stages.0.steps/);
  recipe("resolution", ["stages.0.resolution=1000000000"], /an integer up to 8000/);
  recipe("vocabulary", ["tokenizer.vocabSize=1000000000"], /an integer up to 524288/);
  return cases;
}

type Column = Readonly<Record<"num_values" | "total_compressed_size" | "data_page_offset", bigint>>;

interface Group {
  readonly num_rows: bigint;
  readonly columns: readonly { readonly meta_data?: Column }[];
}

/** A parquet file of pictures whose footer says something else of its one row group. */
function lyingParquet(path: string, picture: Uint8Array, lie: (group: Group) => unknown): void {
  const writer = new ParquetWriter({
    writer: fileWriter(path),
    schema: [
      { name: "root", num_children: 2 },
      { name: "image", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
      { name: "text", type: "BYTE_ARRAY", repetition_type: "OPTIONAL", converted_type: "UTF8" },
    ],
  });
  const rows = Array.from({ length: 20 }, () => picture);
  void writer.write({
    columnData: [
      { name: "image", data: rows },
      { name: "text", data: rows.map((_, i) => `picture ${i}`) },
    ],
  });
  const [group] = (writer as unknown as { readonly row_groups: readonly Group[] }).row_groups;
  if (group !== undefined) lie(group);
  void writer.finish();
}
