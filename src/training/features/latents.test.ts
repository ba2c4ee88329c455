import { createHash } from "node:crypto";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { UnreadableLimit } from "../../data/unreadable-limit.ts";
import { RgbImage, readPicture } from "../../images/index.ts";
import { AutoencoderKL, type AutoencoderKLConfig } from "../../models/index.ts";
import { construct } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import { SampleRng } from "../contract/sample-rng.ts";
import type { Example } from "../dataset/training-data.ts";
import { stateHash } from "../models/state-hash.ts";
import { LatentStore } from "./latent-store.ts";
import { Latents, type LatentsOptions, pixelsOf } from "./latents.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-latents-"));
/** An autoencoder without deviation, or nearly so: what is drawn is the mean. */
function build(seed: number, extra: Partial<AutoencoderKLConfig> = {}): AutoencoderKL {
  const model = construct(
    { generator: torch.generator(seed) },
    () =>
      new AutoencoderKL({
        latentChannels: 4,
        blockOutChannels: [8, 16],
        downBlockTypes: ["DownEncoderBlock2D", "DownEncoderBlock2D"],
        upBlockTypes: ["UpDecoderBlock2D", "UpDecoderBlock2D"],
        normNumGroups: 4,
        ...extra,
      }),
  ).requiresGrad_(false);
  torch.tidy(() => {
    const parameters = model.namedParameters();
    parameters.get("quant_conv.weight")?.narrow(0, 4, 4).fill_(0);
    parameters.get("quant_conv.bias")?.narrow(0, 4, 4).fill_(-30);
  });
  return model;
}
const vae = build(1);
const other = build(2);

const noise = (seed: number, width: number, height: number): RgbImage => {
  const bytes = new Uint8Array(width * height * 3);
  for (let i = 0; i < bytes.length; i += 32)
    bytes.set(
      createHash("sha256")
        .update(`${seed} ${i}`)
        .digest()
        .subarray(0, Math.min(32, bytes.length - i)),
      i,
    );
  return new RgbImage(width, height, bytes);
};
const exampleOf = (name: string): Example => {
  const path = join(root, name);
  return {
    file: name,
    path,
    read: () => readPicture(path),
    size: async () => RgbImage.decode(await readPicture(path), { name: path }),
    shortCaption: name,
    denseCaption: name,
    thing: undefined,
    group: undefined,
    style: undefined,
    classLabel: undefined,
  };
};

/** An example whose file was read by an earlier process; `onRead` is called if it is read again. */
const remembered = (example: Example, onRead: () => void): Example => ({
  ...example,
  read: () => {
    onRead();
    return example.read();
  },
  known: async () => {
    const bytes = readFileSync(example.path);
    const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 32);
    const { width, height } = await example.size();
    return { hash, size: { width, height } };
  },
});

const STILL = { resample: "lanczos", crop: "center", horizontalFlip: 0 } as const;

let cache = "";
let warnings: string[] = [];
beforeAll(async () => {
  for (const [i, [name, width, height]] of (
    [
      ["square", 16, 16],
      ["wide", 32, 16],
      ["tall", 16, 24],
    ] as const
  ).entries())
    await noise(i, width, height).save(join(root, `${name}.png`));
});
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  cache = mkdtempSync(join(root, "cache-"));
  warnings = [];
});

type Transform = LatentsOptions["stage"]["transform"];
const open = async (
  names: readonly string[],
  transform: Partial<Transform> = {},
  options: Partial<LatentsOptions> = {},
  maxUnreadable = 0,
): Promise<{ latents: Latents; encoded: number }> => {
  const encode = vi.spyOn(AutoencoderKL.prototype, "encode");
  const given = {
    stage: {
      resolution: 16,
      transform: { ...STILL, ...transform },
    },
    vae,
    warn: (message: string) => warnings.push(message),
    ...options,
  } as const;
  using store = await LatentStore.open(cache, given);
  const examples = names.map((name) => exampleOf(`${name}.png`));
  const limit = new UnreadableLimit({ share: maxUnreadable, pictures: examples.length });
  const latents = await Latents.open({ examples, store, limit, ...given });
  const encoded = encode.mock.calls.length;
  encode.mockRestore();
  return { latents, encoded };
};

/** The drawn latents of pictures 0, 1, … at one position. */
async function drawn(latents: Latents, position = 0): Promise<number[]> {
  const ids = latents.examples.map((_, i) => i);
  const draws = new SampleRng(
    1,
    "test",
    ids.map((i) => position + i),
  );
  const pictures = await latents.load(ids, draws);
  return torch.tidy(() => Array.from(latents.draw(pictures, draws).toFloat32Array()));
}
const differ = (a: readonly number[], b: readonly number[]): boolean =>
  a.some((value, i) => Math.abs(value - (b[i] ?? 9)) > 1e-6);

/** Deviations are e^-15. */
function expectClose(actual: readonly number[], wanted: readonly number[]): void {
  expect(actual).toHaveLength(wanted.length);
  expect(Math.max(...actual.map((value, i) => Math.abs(value - (wanted[i] ?? 9))))).toBeLessThan(
    1e-6,
  );
}

/** The mean that the autoencoder gives, times its factor: without the code under test. */
async function expected(
  name: string,
  change: (image: RgbImage) => RgbImage | Promise<RgbImage>,
  by = vae,
): Promise<number[]> {
  const path = join(root, `${name}.png`);
  const image = await change(await RgbImage.decode(readFileSync(path), { name: path }));
  return torch.noGrad(() =>
    torch.tidy(() =>
      Array.from(
        by
          .encode(pixelsOf([image]))
          .mean.mul(by.config.scalingFactor)
          .toFloat32Array(),
      ),
    ),
  );
}
function mirrored({ width, height, data }: RgbImage): RgbImage {
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++)
        out[(y * width + x) * 3 + c] = data[(y * width + width - 1 - x) * 3 + c] ?? 0;
  return new RgbImage(width, height, out);
}

describe("Latents", () => {
  it("are the autoencoder's, cached or not, and encoded once", async () => {
    const first = await open(["square"]);
    const again = await open(["square"]);
    const live = await open(["square"], {}, { store: null });
    expect([first.encoded, again.encoded]).toEqual([1, 0]);
    const right = await expected("square", (image) => image);
    for (const { latents } of [first, again, live]) expectClose(await drawn(latents), right);
  });

  it("of pictures that were read before are found without reading these again", async () => {
    const given = { stage: { resolution: 16, transform: STILL }, vae, warn: () => {} } as const;
    const buckets = [
      { ratio: 0.5, width: 32, height: 16 },
      { ratio: 1, width: 16, height: 16 },
    ];
    let reads = 0;
    const openKnown = async (
      names: readonly string[],
      transform: Partial<Transform> = {},
    ): Promise<Latents> => {
      const stage = { ...given.stage, transform: { ...STILL, ...transform } };
      using store = await LatentStore.open(cache, { ...given, stage });
      const examples = names.map((name) => remembered(exampleOf(`${name}.png`), () => reads++));
      const limit = new UnreadableLimit({ share: 0, pictures: examples.length });
      return Latents.open({ ...given, stage, examples, buckets, store, limit });
    };
    const read = await open(["square", "wide"], {}, { buckets });
    const known = await openKnown(["square", "wide"]);
    expect([reads, known.encoded, known.buckets]).toEqual([0, 0, [1, 0.5]]);
    const kept = async (latents: Latents): Promise<unknown> => {
      const sights = latents.see([1], new SampleRng(1, "test", [1]));
      return latents.loadSeen(sights);
    };
    expect(await kept(known)).toEqual(await kept(read.latents));
    await openKnown(["wide"], { horizontalFlip: 0.5 });
    expect(reads).toBe(1); // its mirrored latents were lacking
    await openKnown(["tall"]);
    expect(reads).toBe(2);
  });

  it("are mirrored as often as is asked for, and both ways are cached", async () => {
    const { latents, encoded } = await open(["square"], { horizontalFlip: 1 });
    expect(encoded).toBe(2);
    expectClose(await drawn(latents), await expected("square", mirrored));
    const half = await open(["square"], { horizontalFlip: 0.5 });
    expect(half.encoded).toBe(0);
    const there = await expected("square", (image) => image);
    const back = await expected("square", mirrored);
    const ways: string[] = [];
    for (let i = 0; i < 12; i++) {
      const values = await drawn(half.latents, i);
      ways.push(
        ...(differ(values, there) ? [] : ["there"]),
        ...(differ(values, back) ? [] : ["back"]),
      );
    }
    expect([ways.length, new Set(ways).size]).toEqual([12, 2]);
    expect((await open(["square"])).encoded).toBe(0); // what is there already serves without mirroring too
  });

  it("are not cached where a random crop makes each sight another one", async () => {
    const { latents, encoded } = await open(["wide", "square"], { crop: "random" });
    expect(encoded).toBe(1); // of the square one
    const sights = new Set<string>();
    for (let i = 0; i < 8; i++) sights.add((await drawn(latents, i)).slice(0, 256).join());
    expect(sights.size).toBeGreaterThan(4);
    expect(sights).not.toContain((await drawn((await open(["wide"])).latents)).join());
  });

  it.each<[what: string, change: Partial<LatentsOptions>, transform: Partial<Transform>]>([
    ["other weights", { vae: other }, {}],
    ["another scale", { vae: build(1, { scalingFactor: 0.5 }) }, {}],
    ["another resampling", {}, { resample: "bilinear" }],
  ])("of %s are encoded anew, and the old ones stay", async (_, change, transform) => {
    await open(["wide"]);
    const { latents, encoded } = await open(["wide"], transform, change);
    expect(encoded).toBe(1);
    const live = await open(["wide"], transform, { ...change, store: null });
    expect(await drawn(latents)).toEqual(await drawn(live.latents));
    expect(readdirSync(cache)).toHaveLength(2);
    expect((await open(["wide"])).encoded).toBe(0);
  });

  it("of pixels that were resized another way once are not taken", async () => {
    await open(["wide"]);
    const before = [stateHash(vae), JSON.stringify(vae.config), 16, "lanczos"].join("/");
    const name = createHash("sha256").update(before).digest("hex").slice(0, 16);
    expect(readdirSync(cache)).toEqual([expect.stringMatching(/^latents-[0-9a-f]{16}$/)]);
    expect(readdirSync(cache)).not.toContain(`latents-${name}`);
  });

  it("that were made elsewhere are cached in place of the unmirrored picture's, each of its bucket's shape", async () => {
    const buckets = [
      { ratio: 0.5, width: 32, height: 16 },
      { ratio: 1, width: 16, height: 16 },
    ];
    const asked = new Map<string, readonly number[]>();
    const made: LatentsOptions["made"] = async ({ file }, shape) => {
      expect(asked.has(file)).toBe(false);
      asked.set(file, shape);
      if (file === "square.png") return undefined;
      return [torch.full([1, ...shape], 3), torch.zeros([1, ...shape])];
    };
    const first = await open(["square", "wide"], { horizontalFlip: 0.5 }, { buckets, made });
    expect(Object.fromEntries(asked)).toEqual({ "square.png": [4, 8, 8], "wide.png": [4, 8, 16] });
    // Both ways of the square one, and the mirrored wide one.
    expect([first.encoded, first.latents.encoded]).toEqual([3, 3]);
    const again = await open(["wide"], {}, { buckets, made });
    expect([again.encoded, again.latents.encoded]).toEqual([0, 0]);
    const values = await drawn(again.latents);
    expectClose(values, new Array<number>(4 * 8 * 16).fill(3 * vae.config.scalingFactor));
  });

  it("of another resolution are encoded anew", async () => {
    await open(["square"]);
    const stage = {
      resolution: 8,
      transform: STILL,
    } as const;
    const { latents, encoded } = await open(["square"], {}, { stage });
    expect([encoded, latents.shape]).toEqual([1, [4, 4, 4]]);
  });

  it("of a picture that has changed are encoded anew, of one that was renamed are not", async () => {
    writeFileSync(join(root, "a.png"), readFileSync(join(root, "square.png")));
    await open(["a"]);
    writeFileSync(join(root, "b.png"), readFileSync(join(root, "a.png")));
    expect((await open(["b"])).encoded).toBe(0);
    await noise(9, 16, 16).save(join(root, "a.png"));
    const { latents, encoded } = await open(["a"]);
    expect(encoded).toBe(1);
    expectClose(await drawn(latents), await expected("a", (image) => image));
  });

  it("of a damaged shard are encoded anew", async () => {
    await open(["square", "wide"]);
    const [folder = ""] = readdirSync(cache);
    const [shard = ""] = readdirSync(join(cache, folder));
    truncateSync(join(cache, folder, shard), 300);
    const { latents, encoded } = await open(["square", "wide"]);
    expect(encoded).toBe(2);
    expect(warnings.join()).toMatch(
      /shard-[0-9a-f]+\.safetensors are damaged; they will be computed again$/,
    );
    expect(await drawn(latents)).toHaveLength(2 * 256);
  });

  it("are encoded until a signal comes, and those by then are kept", async () => {
    const abort = new AbortController();
    const { signal } = abort;
    const names = ["square", "wide", "tall", "square", "wide", "tall"];
    const encode = vi.spyOn(AutoencoderKL.prototype, "encode");
    encode.mockImplementationOnce(function (this: AutoencoderKL, pixels) {
      abort.abort();
      return this.encode(pixels);
    });
    await expect(open(names, {}, { signal })).rejects.toMatchObject({ name: "AbortError" });
    encode.mockRestore();
    const { latents, encoded } = await open(["square", "wide", "tall"]);
    expect(encoded).toBeLessThan(3);
    latents.dispose();
  });

  it("leave out what cannot be read, within the budget, and name it", async () => {
    writeFileSync(join(root, "broken.png"), readFileSync(join(root, "square.png")).subarray(0, 60));
    const { latents } = await open(["square", "broken", "wide"], {}, {}, 0.34);
    expect(latents.examples.map(({ file }) => file)).toEqual(["square.png", "wide.png"]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^Left out: .*broken\.png: /);
    await expect(open(["square", "broken", "wide"], {}, {}, 0.33)).rejects.toThrow(
      /^1 of 3 pictures can't be read, more than maxUnreadable 0\.33 allows/,
    );
  });
});
