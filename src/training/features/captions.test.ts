import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { T5EncoderModel } from "../../models/index.ts";
import { construct } from "../../nn/index.ts";
import { T5Tokenizer } from "../../text/index.ts";
import * as torch from "../../torch/index.ts";
import { LazyTextEncoder } from "../models/lazy-text-encoder.ts";
import { FrozenCaptions, openCaptionStore } from "./captions.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-captions-"));
const TEXTS = ["a red ball", "a blue ring and a box", "two green dots in a row", ""];
const PROMPTS = ["a red ball", ""];
const shape = { vocabSize: 64, dModel: 16, dKv: 8, numHeads: 2, dFf: 32, numLayers: 1 };

/** All that decides what captions become. */
interface Setting {
  folder: string;
  readonly cache: string;
  precision: "float32" | "bfloat16";
  tokenizer: T5Tokenizer;
  maxLength: number;
  texts: readonly string[];
  /** In place of the folder's. */
  model?: () => T5EncoderModel;
}

const tokenizerOf = (vocabSize: number, texts: readonly string[] = TEXTS): T5Tokenizer =>
  T5Tokenizer.fromCaptions([...texts, "the quick brown fox jumps over lazy dogs"], { vocabSize });
const tokenizer = tokenizerOf(64);
const otherTokenizer = tokenizerOf(64, ["rows of dots", "boxes and rings"]);
const build = (seed: number, extra = {}): T5EncoderModel =>
  construct({ generator: torch.generator(seed) }, () => new T5EncoderModel({ ...shape, ...extra }));

/** The states of all texts as plain numbers, and whether the encoder was loaded for them. */
async function encode(
  { folder, precision, tokenizer, maxLength, texts, model }: Setting,
  cache: string | null,
): Promise<{ states: number[][]; loaded: boolean; warnings: string[] }> {
  const warnings: string[] = [];
  const encoder =
    model?.() ??
    new LazyTextEncoder({ pretrained: folder, subfolder: null, revision: null }, precision);
  const load =
    encoder instanceof T5EncoderModel ? vi.spyOn(encoder, "forward") : vi.spyOn(encoder, "load");
  const warn = (message: string): void => void warnings.push(message);
  using store = cache === null ? null : await openCaptionStore(encoder, cache, warn);
  const given = { encoder, tokenizer, maxLength, texts, prompts: PROMPTS, store };
  const captions = await FrozenCaptions.open(given);
  const states = texts.map((text) =>
    torch.tidy(() => Array.from(captions.states([text]).states.toFloat32Array())),
  );
  captions.dispose();
  return { states, loaded: load.mock.calls.length > 0, warnings };
}

const settings = (): Setting => {
  const place = mkdtempSync(join(root, "case-"));
  cpSync(join(root, "t5"), join(place, "t5"), { recursive: true });
  return {
    folder: join(place, "t5"),
    cache: join(place, "cache"),
    precision: "float32",
    tokenizer,
    maxLength: 32,
    texts: TEXTS,
  };
};

const weights = ({ folder }: Setting): string => join(folder, "model.safetensors");
const storeOf = ({ cache }: Setting): string =>
  join(cache, readdirSync(cache).find((name) => name.startsWith("captions-")) ?? "");
const shardOf = (setting: Setting): string =>
  join(
    storeOf(setting),
    readdirSync(storeOf(setting)).find((name) => name.startsWith("shard-")) ?? "",
  );
const edit = (path: string, change: (bytes: Buffer) => void): void => {
  const bytes = readFileSync(path);
  change(bytes);
  writeFileSync(path, bytes);
};
const flip = (path: string, fromEnd: number): void =>
  edit(path, (bytes) => {
    bytes[bytes.length - fromEnd] = (bytes[bytes.length - fromEnd] ?? 0) ^ 0x40;
  });
const configure = ({ folder }: Setting, change: Record<string, unknown>): void => {
  const path = join(folder, "config.json");
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...change }));
};
const say = (setting: Setting, text: string): void => {
  setting.texts = [text, ...TEXTS.slice(1)];
};

/** What may change between two runs, and whether the encoder has to be loaded again. */
const CASES: readonly [
  name: string,
  loads: boolean,
  change: (setting: Setting) => void | Promise<void>,
][] = [
  ["nothing", false, () => {}],
  ["one bit of one weight", true, (s) => flip(weights(s), 2)],
  ["one bit of the first weights", true, (s) => flip(weights(s), 4001)],
  ["all weights", true, (s) => copyFileSync(join(root, "other", "model.safetensors"), weights(s))],
  [
    "the weights by a rename",
    true,
    (s) => {
      copyFileSync(join(root, "other", "model.safetensors"), join(s.folder, "new"));
      renameSync(join(s.folder, "new"), weights(s));
    },
  ],
  [
    "where a link leads",
    true,
    (s) => {
      unlinkSync(weights(s));
      symlinkSync(join(root, "other", "model.safetensors"), weights(s));
    },
  ],
  ["epsilon of the norms", true, (s) => configure(s, { layer_norm_epsilon: 0.1 })],
  ["reach of the positions", true, (s) => configure(s, { relative_attention_max_distance: 9 })],
  [
    "a file beside the weights",
    true,
    (s) => copyFileSync(weights(s), join(s.folder, "model.fp16.safetensors")),
  ],
  [
    "the precision",
    true,
    (s) => {
      s.precision = "bfloat16";
    },
  ],
  [
    "the vocabulary",
    true,
    (s) => {
      s.tokenizer = otherTokenizer;
    },
  ],
  [
    "the size of the vocabulary",
    true,
    (s) => {
      s.tokenizer = tokenizerOf(30);
    },
  ],
  [
    "a limit that cuts captions",
    true,
    (s) => {
      s.maxLength = 3;
    },
  ],
  [
    "a limit that cuts none",
    false,
    (s) => {
      s.maxLength = 64;
    },
  ],
  ["a word", true, (s) => say(s, "a red bell")],
  ["a letter's case", true, (s) => say(s, "A red ball")],
  ["a mark", true, (s) => say(s, "a red ball.")],
  ["the order of words", true, (s) => say(s, "red a ball")],
  [
    "a caption less",
    false,
    (s) => {
      s.texts = TEXTS.slice(1);
    },
  ],
  [
    "a caption more",
    true,
    (s) => {
      s.texts = [...TEXTS, "a fox"];
    },
  ],
  [
    "the order of captions",
    false,
    (s) => {
      s.texts = [...TEXTS].reverse();
    },
  ],
  [
    "a shard cut short",
    true,
    (s) => truncateSync(shardOf(s), readFileSync(shardOf(s)).length - 100),
  ],
  ["a shard emptied", true, (s) => truncateSync(shardOf(s), 0)],
  ["a bit of a shard's data", true, (s) => flip(shardOf(s), 9)],
  [
    "a bit of a shard's header",
    true,
    (s) =>
      edit(shardOf(s), (bytes) => {
        bytes[20] = (bytes[20] ?? 0) ^ 1;
      }),
  ],
  ["a shard deleted", true, (s) => rmSync(shardOf(s))],
  [
    "a shard under another's name",
    true,
    (s) => renameSync(shardOf(s), join(storeOf(s), "shard-0123456789abcdef.safetensors")),
  ],
  [
    "a whole shard of another encoder under this name",
    true,
    async (s) => {
      const other = { ...s, folder: join(root, "other"), cache: `${s.cache}-other` };
      await encode(other, other.cache);
      copyFileSync(shardOf(other), shardOf(s));
    },
  ],
  [
    "half a shard left by a killed process",
    false,
    (s) =>
      copyFileSync(
        shardOf(s),
        join(storeOf(s), ".tmp-shard-0123456789abcdef.safetensors-0123456789ab"),
      ),
  ],
  [
    "the name of the folder",
    false,
    (s) => {
      symlinkSync(s.folder, `${s.folder}-link`);
      s.folder = `${s.folder}-link`;
    },
  ],
  [
    "a model in memory with other weights",
    true,
    (s) => {
      s.model = () => build(3);
    },
  ],
  [
    "a model in memory with another epsilon",
    true,
    (s) => {
      s.model = () => build(1, { layerNormEpsilon: 0.1 });
    },
  ],
];

describe("cached captions", () => {
  beforeAll(async () => {
    for (const [name, seed] of [
      ["t5", 1],
      ["other", 2],
    ] as const) {
      const model = build(seed);
      await model.savePretrained(join(root, name));
      model.dispose();
    }
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it.each(CASES)("are never stale when this changes: %s", async (_, loads, change) => {
    const setting = settings();
    const first = await encode(setting, setting.cache);
    expect(first.loaded).toBe(true);
    await change(setting);
    const cached = await encode(setting, setting.cache);
    const live = await encode(setting, null);
    expect(cached.states).toEqual(live.states);
    expect(cached.loaded).toBe(loads);
  });

  it("are encoded until a signal comes, and those by then are kept", async () => {
    const setting = settings();
    const { folder, cache, precision, maxLength } = setting;
    const encoder = new LazyTextEncoder(
      { pretrained: folder, subfolder: null, revision: null },
      precision,
    );
    const abort = new AbortController();
    const forward = vi.spyOn(T5EncoderModel.prototype, "forward");
    using store = await openCaptionStore(encoder, cache, () => {});
    const given = { encoder, tokenizer, maxLength, texts: TEXTS, prompts: [], store };
    // As signals come: in a turn of the event loop, of which encoding has to leave some.
    forward.mockImplementationOnce(function (this: T5EncoderModel, ...args) {
      setImmediate(() => abort.abort());
      return this.forward(...args);
    });
    const { signal } = abort;
    await expect(FrozenCaptions.open({ ...given, signal })).rejects.toMatchObject({
      name: "AbortError",
    });
    const before = forward.mock.calls.length;
    const captions = await FrozenCaptions.open(given);
    expect(captions.encoded).toBeGreaterThan(0);
    expect(captions.encoded).toBeLessThan(TEXTS.length);
    expect(before).toBeGreaterThan(0);
    captions.dispose();
    forward.mockRestore();
  });

  it("are found by two encoders in memory only where both are the same", async () => {
    const setting = { ...settings(), model: () => build(1) };
    expect((await encode(setting, setting.cache)).loaded).toBe(true);
    expect((await encode(setting, setting.cache)).loaded).toBe(false);
    const other = { ...setting, model: () => build(1, { layerNormEpsilon: 0.1 }) };
    expect((await encode(other, setting.cache)).states).toEqual((await encode(other, null)).states);
  });
});
