import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { addCommands } from "../../src/cli/commands.ts";
import { RgbImage } from "../../src/images/index.ts";
import { T5Tokenizer } from "../../src/text/index.ts";

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "pixart-dataset-cli-"));
  await mkdir(join(work, "set"));
  for (let i = 0; i < 3; i += 1) {
    await RgbImage.filled(300 + 300 * i, 300, [i, 2, 3]).save(join(work, "set", `${i}.png`));
    await writeFile(join(work, "set", `${i}.txt`), `picture ${i}${" of a box".repeat(i * 4)}`);
  }
  const tokenizer = T5Tokenizer.fromCaptions(["picture of a box"], { vocabSize: 40 });
  await mkdir(join(work, "tokenizer"));
  await tokenizer.savePretrained(join(work, "tokenizer"));
  await mkdir(join(work, "broken"));
  await writeFile(
    join(work, "broken", "a.png"),
    (await RgbImage.filled(9, 9, [1, 2, 3]).encodePng()).subarray(0, 50),
  );
  await writeFile(join(work, "broken", "a.txt"), "a broken one");
});
afterAll(() => rm(work, { recursive: true }));
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Runs a command in this process; gives what went to stdout and stderr. */
async function pixart(...args: string[]): Promise<{ out: string; talk: string }> {
  const written = { out: "", talk: "" };
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    written.out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    written.talk += String(text);
    return true;
  });
  const program = new Command("pixart");
  addCommands(program);
  await program.parseAsync(["dataset", ...args], { from: "user" });
  return written;
}

describe("pixart dataset", () => {
  it("check prints layout, counts, cut captions and the bucket plan, and draws a sheet", async () => {
    const sheet = join(work, "sheet.png");
    const tokenizer = join(work, "tokenizer");
    const { out, talk } = await pixart(
      ...["check", join(work, "set"), "--size", "256", "--batch", "2", "--sheet", sheet],
      ...["--tokenizer", tokenizer, "--max-length", "20"],
    );
    expect(out).toContain(`${join(work, "set")}: side-cars\n`);
    expect(out).toContain("pictures          3, of which 3 can be trained on\n");
    expect(out).toMatch(/cut at 20 {9}2\n {2}1\.png loses "of a box.*"\n/);
    expect(out).toContain("256 × 256         1.00          1         1             1\n");
    expect(out).toContain("3 batches per epoch, 1.00 pictures per batch on average\n");
    expect(talk).toContain(`3 thumbnails: ${sheet}`);
    expect((await RgbImage.decode(sheet)).width).toBe(8 + 3 * 136);
    expect(process.exitCode).toBeUndefined();
  });

  it("check gives JSON alone on stdout, and fails where nothing can be trained on", async () => {
    const { out, talk } = await pixart("check", join(work, "broken"), "--json");
    expect(JSON.parse(out)).toMatchObject({ usable: 0, canTrain: false, images: 1 });
    expect(talk).toContain("Nothing can be trained on: no picture could be decoded");
    expect(process.exitCode).toBe(1);
    await expect(pixart("check", join(work, "tokenizer"))).rejects.toThrow("contains no pictures");
  });

  it("check counts splits, and what is not held out alone can be trained on", async () => {
    const folder = join(work, "splits");
    for (const [i, split] of ["train", "train", "Test", "val"].entries()) {
      await mkdir(join(folder, split), { recursive: true });
      await RgbImage.filled(20, 20, [9, 60 * i, 3]).save(join(folder, split, `${i}.png`));
      await writeFile(join(folder, split, `${i}.txt`), `picture ${i}`);
    }
    const { out } = await pixart("check", folder, "--size", "256");
    expect(out).toContain(
      [
        "pictures          4, of which 2 can be trained on",
        "split train       2",
        "split test        1, never trained on",
        "split validation  1, never trained on",
        "note              Splits were read off the names of folders",
        "",
      ].join("\n"),
    );
    expect(out).toContain("2 batches per epoch, 1.00 pictures per batch on average");
    expect(process.exitCode).toBeUndefined();

    await rm(join(folder, "train"), { recursive: true });
    const { out: json, talk } = await pixart("check", folder, "--json");
    expect(JSON.parse(json)).toMatchObject({ usable: 2, heldOut: 2, canTrain: false });
    expect(talk).toContain(
      "Nothing can be trained on: all pictures are of splits that are held out, test (1, never trained on), validation (1, never trained on)",
    );
    expect(process.exitCode).toBe(1);
  });

  it("check takes size and batch of a recipe, and says where its own size is from", async () => {
    const recipe = "pixart_alpha_64_emoji_blip";
    const { out } = await pixart("check", join(work, "set"), "--for", recipe);
    expect(out).toContain(`below 64 px       0, which would be enlarged (that of ${recipe})\n`);
    const given = await pixart("check", join(work, "set"), "--for", recipe, "--size", "256");
    expect(given.out).toContain("below 256 px      0, which would be enlarged\n");
    expect(given.out).toContain("buckets at 256 px, batches of 16\n");
    const { out: usual } = await pixart("check", join(work, "set"));
    expect(usual).toContain(
      "below 1024 px     3, which would be enlarged (PixArt's size; --size or --for RECIPE names another)\n",
    );
  });

  it("convert writes a layout and names the folder on stdout", async () => {
    const out = join(work, "tar");
    const run = await pixart("convert", join(work, "set"), out, "--to", "webdataset");
    expect(run.out).toBe(`${out}\n`);
    expect(run.talk).toContain("Wrote 3 pictures: side-cars to webdataset");
    expect(await readdir(out)).toEqual(["00000.tar"]);
    const prompted = join(work, "prompted");
    await pixart("convert", out, prompted, "--to", "side-cars", "--instance-prompt", "a sks box");
    expect(await readFile(join(prompted, "1.txt"), "utf8")).toBe("a sks box\n");
  });

  it("refuses layouts that there are not", async () => {
    await expect(pixart("check", join(work, "set"), "--layout", "zip")).rejects.toThrow(
      "Expected side-cars, jsonl, csv, captions, parquet, webdataset, pixart-json, pictures for --layout but received zip",
    );
    await expect(
      pixart("convert", join(work, "set"), join(work, "no"), "--to", "pictures"),
    ).rejects.toThrow(
      "Expected side-cars, jsonl, csv, captions, parquet, webdataset, pixart-json for --to but received pictures",
    );
  });
});
