import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createProgram } from "../../src/cli/program.ts";
import { SAMPLERS } from "../../src/cli/terminal/arguments.ts";
import { type PictureMetadata, RgbImage, readPictureMetadata } from "../../src/images/index.ts";
import { PixArtAlphaPipeline } from "../../src/pipelines/index.ts";
import { schedulerNamed, schedulerNames } from "../../src/schedulers/index.ts";
import * as torch from "../../src/torch/index.ts";
import { pixartHere } from "./in-process.ts";

const MODEL = fileURLToPath(new URL("../../models/emoji-demo", import.meta.url));
const PROMPT = "a red apple, noto style";
const folder = mkdtempSync(join(tmpdir(), "pixart-sample-"));
afterAll(() => rmSync(folder, { recursive: true }));

let calls = 0;
/** The files that `pixart sample` lists. */
async function files(...args: readonly string[]): Promise<string[]> {
  const out = join(folder, `call-${calls++}`);
  const { stdout } = await pixartHere("sample", MODEL, ...args, "--out", out, "--json");
  return JSON.parse(stdout).files;
}
const quick = ["--steps", "3"];
/** One picture of {@link PROMPT}. */
const draw = async (...args: readonly string[]): Promise<string> =>
  (await files(PROMPT, ...quick, ...args))[0] ?? "";

/** Mean distance of two pictures' channels (0 to 255), in columns from a share of the width to another. */
async function distance(a: string, b: string, from = 0, to = 1): Promise<number> {
  const [left, right] = await Promise.all([RgbImage.decode(a), RgbImage.decode(b)]);
  expect([left.width, left.height]).toEqual([right.width, right.height]);
  const distances: number[] = [];
  left.data.forEach((value, i) => {
    const column = (Math.floor(i / 3) % left.width) / left.width;
    if (column >= from && column < to) distances.push(Math.abs(value - (right.data[i] ?? 0)));
  });
  return distances.reduce((sum, value) => sum + value, 0) / distances.length;
}

let plain: string;
beforeAll(async () => {
  plain = await draw();
});

it("names every sampler in the help", () => {
  expect(SAMPLERS.split(", ")).toEqual(schedulerNames);
});

describe("pixart sample", () => {
  it("lists files as JSON, or one a line", async () => {
    expect(plain).toBe(join(folder, "call-0", "a-red-apple-noto-style-0.png"));
    const out = join(folder, "lines");
    const { stdout, stderr } = await pixartHere(
      ...["sample", MODEL, PROMPT, PROMPT, "--steps", "1", "--out", out],
    );
    const names = ["a-red-apple-noto-style-0.png", "a-red-apple-noto-style-1.png", "sheet.png"];
    expect(stdout).toBe(names.map((name) => `${join(out, name)}\n`).join(""));
    expect(stderr).toMatch(/^2 pictures in [\d.]+ s\n$/);
  });

  it("keeps earlier pictures, and says how the new ones are called", async () => {
    const out = join(folder, "kept");
    const sample = (...args: string[]) =>
      pixartHere("sample", MODEL, ...args, "--steps", "1", "--out", out);
    const first = await sample("狐", "собака");
    const names = ["狐-0.png", "собака-1.png", "sheet.png"];
    expect(first.stdout).toBe(names.map((name) => `${join(out, name)}\n`).join(""));
    const before = names.map((name) => readFileSync(join(out, name)));
    const second = await sample("狐", "собака", "--guidance", "2");
    const later = ["狐-0-2.png", "собака-1-2.png", "sheet-2.png"];
    expect(second.stdout).toBe(later.map((name) => `${join(out, name)}\n`).join(""));
    expect(second.stderr).toContain(
      `${join(out, "狐-0.png")} is an earlier picture and stays: the new one is ${join(out, "狐-0-2.png")}\n`,
    );
    for (const [i, name] of names.entries())
      expect(readFileSync(join(out, name)).equals(before[i] ?? Buffer.of()), name).toBe(true);
    const record = await readPictureMetadata(join(out, "狐-0-2.png"));
    expect(record).toMatchObject({ prompt: "狐", guidanceScale: 2 });
  });

  it("draws one picture into the file that --out names, and --from reads it", async () => {
    const file = join(folder, "named", "fox.png");
    const { stdout } = await pixartHere("sample", MODEL, PROMPT, ...quick, "--out", file);
    expect(stdout).toBe(`${file}\n`);
    expect(await distance(plain, file)).toBe(0);
    const again = join(folder, "named", "again.png");
    await pixartHere("sample", MODEL, "--from", file, "--out", again);
    expect(readFileSync(again).equals(readFileSync(file))).toBe(true);
    await expect(pixartHere("sample", MODEL, PROMPT, "--out", file)).rejects.toThrow(
      `Expected a new file or a folder for --out but received ${file}, which exists`,
    );
  });

  it("draws at a width and a height, and refuses those that no patch fits", async () => {
    const file = await draw("--width", "96", "--height", "64");
    const { width, height } = await RgbImage.decode(file);
    expect([width, height]).toEqual([96, 64]);
    await expect(draw("--width", "100")).rejects.toThrow(
      "Expected a multiple of 8 for width but received 100. The nearest is 104.",
    );
  });

  it("keeps away from --negative, which without guidance nothing looks at", async () => {
    const negative = ["--negative", "a blue whale, openmoji style"];
    expect(await distance(plain, await draw(...negative))).toBeGreaterThan(1);
    const free = await draw("--guidance", "1");
    expect(await distance(free, await draw("--guidance", "1", ...negative))).toBe(0);
  });

  it("draws in batches as one by one", async () => {
    const args = [PROMPT, "a blue whale, noto style", ...quick, "--images", "2"];
    const one = await files(...args);
    const four = await files(...args, "--batch", "4");
    const three = await files(...args, "--batch", "3");
    expect(one).toHaveLength(5);
    for (const [i, file] of one.slice(0, 4).entries()) {
      expect(await distance(file, four[i] ?? "")).toBeLessThan(0.01);
      expect(await distance(file, three[i] ?? "")).toBeLessThan(0.01);
      expect(await distance(file, one[(i + 1) % 4] ?? "")).toBeGreaterThan(1);
    }
  });

  it("samples as --scheduler says, and lists the names", async () => {
    const seen = new Set([readFileSync(plain).toString("base64")]);
    for (const name of ["ddim", "euler", "unipc", "sde-dpm-solver++"]) {
      const file = await draw("--scheduler", name);
      expect(await distance(plain, file)).toBeGreaterThan(0.05);
      seen.add(readFileSync(file).toString("base64"));
    }
    expect(seen.size).toBe(5);
    await expect(draw("--scheduler", "dpm")).rejects.toThrow(
      /^Expected one of dpm-solver\+\+, .* for scheduler but received "dpm"$/,
    );
  });

  it("adds DDIM's noise with --eta, the same for one seed", async () => {
    const still = await draw("--scheduler", "ddim");
    const noisy = await draw("--scheduler", "ddim", "--eta", "1");
    expect(await distance(still, noisy)).toBeGreaterThan(1);
    expect(await distance(noisy, await draw("--scheduler", "ddim", "--eta", "1"))).toBe(0);
    await expect(draw("--eta", "2")).rejects.toThrow(
      "Expected a number from 0 to 1 for eta but received 2",
    );
  });

  it("cleans captions unless told not to", async () => {
    const prompt = `${PROMPT} https://example.com/apple`;
    const [cleaned = ""] = await files(prompt, ...quick);
    const [raw = ""] = await files(prompt, ...quick, "--no-clean-caption");
    expect(await distance(cleaned, plain)).toBe(0);
    expect(await distance(cleaned, raw)).toBeGreaterThan(0.5);
  });
});

it("takes steps in one way", async () => {
  await expect(draw("--timesteps", "900,500")).rejects.toThrow(
    "Expected one of --steps, --timesteps and --sigmas but received --steps and --timesteps",
  );
  const [file = ""] = await files(PROMPT, "--timesteps", "900,500,100");
  expect(readFileSync(file).equals(readFileSync(plain))).toBe(false);
});

it("refuses half of what T-GATE needs, and half an interval", async () => {
  await expect(draw("--gate-interval", "2")).rejects.toThrow(
    "Expected --gate-step together with --gate-interval",
  );
  await expect(draw("--guidance-interval", "0.5")).rejects.toThrow(
    "Expected two numbers for --guidance-interval but received 0.5",
  );
});

describe("pixart sample --from", () => {
  const again = async (file: string): Promise<string> => (await files("--from", file))[0] ?? "";
  const expectRepeated = async (file: string): Promise<void> =>
    expect(readFileSync(await again(file)).equals(readFileSync(file)), file).toBe(true);

  it.each([
    [["--seed", "7", "--guidance", "3", "--negative", "a blue whale", "--width", "96"]],
    [["--scheduler", "ddim", "--eta", "0.7"]],
    [["--scheduler", "sde-dpm-solver++"]],
    [["--scheduler", "dpm-solver"]],
    [["--scheduler", "dmd", "--steps", "1", "--guidance", "1"]],
    [["--no-clean-caption", "--max-length", "8"]],
    [["--guidance-interval", "0,0.5"]],
    [["--steps", "8", "--gate-step", "5", "--gate-interval", "2"]],
  ])("draws the same file as %j", async (args) => {
    const file = await draw(...args);
    expect(readFileSync(file).equals(readFileSync(plain))).toBe(false);
    await expectRepeated(file);
  });

  it("goes through the timesteps that a program chose", async () => {
    const pipe = await PixArtAlphaPipeline.fromPretrained(MODEL);
    const dmd = schedulerNamed("dmd", pipe.scheduler.toConfig());
    for (const [scheduler, timesteps] of [
      [pipe.scheduler, [900, 500, 100]],
      [dmd, [300]],
    ] as const) {
      pipe.scheduler = scheduler;
      const { images } = await pipe(PROMPT, { timesteps, generator: torch.generator(0) });
      const file = join(folder, `${timesteps.length} steps.png`);
      await images[0]?.save(file);
      await expectRepeated(file);
    }
    pipe.dispose();
  });

  it("refuses prompts beside it, and pictures that cannot be drawn again", async () => {
    await expect(files(PROMPT, "--from", plain)).rejects.toThrow(
      `Expected no prompt together with --from ${plain}, which has its own`,
    );
    await expect(
      files("--from", plain, "--steps", "50", "--no-clean-caption", "--scheduler=ddim"),
    ).rejects.toThrow(
      `Expected no option that changes the picture together with --from ${plain} but received --steps and --scheduler and --no-clean-caption`,
    );
    const bare = join(folder, "bare.png");
    await RgbImage.filled(8, 8, [1, 2, 3]).save(bare);
    await expect(files("--from", bare)).rejects.toThrow(
      `${bare} contains no record of how it was made: only PNG files written by pixart have one`,
    );
    const derived = await draw("--init-image", plain, "--strength", "0.7");
    await expect(files("--from", derived)).rejects.toThrow(
      `${derived} was drawn from a picture, which it does not contain. Repeat it with --init-image`,
    );
  });

  it("refuses every option that it would ignore", async () => {
    const used = [
      ...["--from", "--device", "--dtype", "--quantize", "--lora", "--prompts-from", "--raw"],
      ...["--variant", "--revision", "--gpus", "--launcher", "--batch", "--out", "--json"],
    ];
    const command = createProgram().commands.find((each) => each.name() === "sample");
    const options = command?.options.filter(({ long }) => !used.includes(long ?? "")) ?? [];
    expect(options.map(({ long }) => long)).toContain("--controlnet");
    for (const { long = "", required } of options) {
      await expect(files("--from", plain, long, ...(required ? ["16"] : [])), long).rejects.toThrow(
        `Expected no option that changes the picture together with --from ${plain} but received ${long}`,
      );
    }
  });

  it.each([
    [["--dtype", "bfloat16"], "drawn in bfloat16, and this model computes in float32"],
    [["--quantize", "int8", "--device", "cpu"], "drawn with 8-bit weights"],
  ])("warns where it was drawn with %j, and names that", async (flags, reason) => {
    const file = await draw(...flags);
    const repeat = async (...args: readonly string[]) => {
      const out = join(folder, `repeat-${calls++}.png`);
      const { stderr } = await pixartHere("sample", MODEL, "--from", file, ...args, "--out", out);
      return { isSame: readFileSync(out).equals(readFileSync(file)), stderr };
    };
    const other = await repeat();
    expect(other.isSame).toBe(false);
    const [flag = "", value = ""] = flags;
    expect(other.stderr).toContain(
      `Warning: the picture was ${reason}: the picture will be different without ${flag} ${value}\n`,
    );
    const same = await repeat(...flags);
    expect(same.isSame).toBe(true);
    expect(same.stderr).not.toContain("Warning");
  });

  it("draws pictures from before the weights were described, without a warning", async () => {
    const { dtype, ...older } = (await readPictureMetadata(plain)) ?? {};
    expect(dtype).toBe("float32");
    const file = join(folder, "older.png");
    await (await RgbImage.decode(plain)).save(file, older as PictureMetadata);
    const out = join(folder, "older again.png");
    const flags = ["--dtype", "bfloat16", "--out", out];
    const { stderr } = await pixartHere("sample", MODEL, "--from", file, ...flags);
    expect(stderr).not.toContain("Warning");
    expect(await distance(out, plain)).toBeLessThan(6);
  });

  it("warns where the weights are others", async () => {
    const other = fileURLToPath(new URL("../../models/emoji-small", import.meta.url));
    const out = join(folder, "other");
    const { stderr } = await pixartHere("sample", other, "--from", plain, "--out", out);
    expect(stderr).toMatch(/Warning: the picture was drawn by a transformer with hash \w{10}, and/);
  });
});

describe("pixart sample --init-image", () => {
  const from = ["--init-image"] as const;

  it("stays nearer to the picture the less --strength is", async () => {
    const [start = ""] = await files("a blue whale, noto style", "--steps", "8");
    const at = async (strength: string): Promise<number> =>
      distance(start, await draw(...from, start, "--steps", "10", "--strength", strength));
    const [little, half, all] = [await at("0.1"), await at("0.5"), await at("1")];
    expect(little).toBeLessThan(half);
    expect(half).toBeLessThan(all);
    const { extra } = (await readPictureMetadata(await draw(...from, start))) ?? {};
    expect(extra).toMatchObject({ strength: 0.8, from: "picture" });
  });

  it("draws from a picture and a mask of any size, and says at what size", async () => {
    const [photo, mask] = [join(folder, "photo.png"), join(folder, "white.png")];
    await RgbImage.filled(100, 75, [90, 60, 30]).save(photo);
    await RgbImage.filled(33, 25, [255, 255, 255]).save(mask);
    const args = ["--steps", "3", "--images", "2", "--mask", mask, "--out", join(folder, "any")];
    const { stdout, stderr } = await pixartHere("sample", MODEL, PROMPT, ...from, photo, ...args);
    const [drawn = ""] = stdout.split("\n");
    expect(await RgbImage.decode(drawn)).toMatchObject({ width: 96, height: 72 });
    // Once, though each of the two pictures is a call of its own.
    expect(stderr.match(/Warning: .*/g)).toEqual([
      "Warning: Drawing at 96x72 from a picture of 100x75: sides are multiples of 8. Give width and height for another size",
    ]);
  });

  it.each([
    ["black", (isLeft: boolean) => (isLeft ? [0, 0, 0, 255] : [255, 255, 255, 255])],
    ["opaque, next to transparency,", (isLeft: boolean) => [255, 255, 255, isLeft ? 255 : 0]],
  ])("keeps what is %s in --mask", async (_, pixel) => {
    const [start = ""] = await files("a blue whale, noto style", "--steps", "8");
    const { width, height } = await RgbImage.decode(start);
    // The left half stays.
    const data = Uint8Array.from(
      Array.from({ length: width * height }, (_, i) => pixel(i % width < width / 2)).flat(),
    );
    const mask = join(folder, "mask.png");
    await sharp(data, { raw: { width, height, channels: 4 } })
      .png()
      .toFile(mask);
    const args = [...from, start, "--steps", "6", "--strength", "1"];
    const [whole, part] = [await draw(...args), await draw(...args, "--mask", mask)];
    const kept = await distance(start, part, 0, 0.375);
    expect(kept).toBeLessThan(0.3 * (await distance(start, whole, 0, 0.375)));
    expect(await distance(start, part, 0.5, 1)).toBeGreaterThan(3 * kept);
  });

  it("refuses --strength and --mask without it", async () => {
    await expect(draw("--strength", "0.5")).rejects.toThrow(
      "Expected no strength without image but received a value",
    );
    await expect(draw("--mask", plain)).rejects.toThrow(
      "Expected no maskImage without image but received a value",
    );
  });
});
