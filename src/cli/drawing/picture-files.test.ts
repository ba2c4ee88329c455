import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterAll, describe, expect, it, vi } from "vitest";
import { RgbImage } from "../../images/index.ts";
import { pictureFile, pictureOutput, promptStem, savePicture, saveSheet } from "./picture-files.ts";

const top = mkdtempSync(join(tmpdir(), "pixart-picture-files-"));
afterAll(() => rmSync(top, { recursive: true }));
const image = RgbImage.filled(2, 2, [1, 2, 3]);

describe("promptStem", () => {
  it.each([
    ["a red apple, noto style", "a-red-apple-noto-style"],
    ["狐", "狐"],
    ["собака", "собака"],
    ["हिन्दी कुत्ता", "हिन्दी-कुत्ता"],
    ["Cafe\u0301 <b>", "café-b"],
    ["🦊", "🦊"],
    ["../../etc/passwd\0", "etc-passwd"],
    ["!!!", "picture"],
    ["\u200d", "picture"],
    ["می‌خواهم", "می‌خواهم"],
    ["", "unconditional"],
    [" ", "unconditional"],
  ])("of %j is %j", (prompt, stem) => {
    expect(promptStem(prompt)).toBe(stem);
  });

  it("ends between letters, short enough for every file system", () => {
    expect(promptStem("a ".repeat(100))).toBe("a-".repeat(30).slice(0, -1));
    expect(promptStem("狐".repeat(100))).toBe("狐".repeat(60));
    const family = "👨‍👩‍👧‍👦";
    const stem = promptStem(family.repeat(30));
    expect(stem).toBe(family.repeat(stem.length / family.length));
    expect(Buffer.byteLength(stem)).toBeLessThanOrEqual(180);
  });
});

describe("pictureOutput", () => {
  it("is a folder, or the one file that is named", () => {
    expect(pictureOutput(join(top, "v1.5"), 1)).toEqual({ folder: join(top, "v1.5") });
    expect(pictureOutput(join(top, "fox.PNG"), 1)).toEqual({ file: join(top, "fox.PNG") });
    const folder = join(top, "folder.png");
    mkdirSync(folder);
    expect(pictureOutput(folder, 3)).toEqual({ folder });
  });

  it("is neither a file for several pictures, nor one that exists, nor one of another format", () => {
    const file = join(top, "fox.png");
    expect(() => pictureOutput(file, 3)).toThrow(
      `Expected a folder for --out, into which 3 pictures go, but received the file ${file}`,
    );
    for (const name of ["there.png", "there"]) {
      const there = join(top, name);
      writeFileSync(there, "");
      expect(() => pictureOutput(there, 1)).toThrow(
        `Expected a new file or a folder for --out but received ${there}, which exists`,
      );
    }
    expect(() => pictureOutput("fox.jpg", 1)).toThrow(
      "Expected a folder or a .png file for --out but received fox.jpg: only a PNG remembers how it was drawn",
    );
  });
});

describe("savePicture", () => {
  it("never writes over another, also where many are saved at once", async () => {
    const output = { folder: join(top, "many") };
    mkdirSync(output.folder);
    const job = { prompt: "a fox", seed: 0 };
    const numbers = await Promise.all(
      Array.from({ length: 8 }, () => savePicture(image, output, job)),
    );
    expect(numbers.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(readdirSync(output.folder)).toHaveLength(8);
    expect(pictureFile(output, job, 1)).toBe(join(output.folder, "a-fox-0.png"));
    expect(pictureFile(output, job, 2)).toBe(join(output.folder, "a-fox-0-2.png"));
  });

  it("leaves no empty file where a picture cannot be saved", async () => {
    const output = { folder: join(top, "broken") };
    mkdirSync(output.folder);
    class Broken extends RgbImage {
      override save(): Promise<void> {
        return Promise.reject(new Error("no room"));
      }
    }
    const broken = new Broken(2, 2, image.data);
    await expect(savePicture(broken, output, { prompt: "a", seed: 0 })).rejects.toThrow("no room");
    expect(readdirSync(output.folder)).toEqual([]);
  });

  it("refuses a file that appeared while the picture was drawn", async () => {
    const file = join(top, "late.png");
    const output = pictureOutput(file, 1);
    writeFileSync(file, "somebody's");
    await expect(savePicture(image, output, { prompt: "a", seed: 0 })).rejects.toThrow(
      `Expected a new file for --out but ${file} has appeared in the meantime`,
    );
    expect(existsSync(file)).toBe(true);
  });
});

describe("saveSheet", () => {
  it("reduces a few pictures at a time, and shows at most 1000", async () => {
    const folder = join(top, "sheets");
    mkdirSync(folder);
    let [held, most, count] = [0, 0, 0];
    const decode = RgbImage.decode.bind(RgbImage);
    vi.spyOn(RgbImage, "decode").mockImplementation(async () => {
      held += 1;
      most = Math.max(most, held);
      count += 1;
      await nextTurn();
      const picture = RgbImage.filled(130, 2, [1, 2, 3]);
      const { resize } = picture;
      // Held until it is reduced.
      picture.resize = (...to) =>
        resize.apply(picture, to).finally(() => {
          held -= 1;
        });
      return picture;
    });
    const said = vi.spyOn(process.stderr, "write").mockReturnValue(true);
    const files = Array.from({ length: 1003 }, (_, i) => `${i}.png`);
    const sheet = await saveSheet(files, files, folder);
    const lines = said.mock.calls.map(([line]) => line);
    vi.restoreAllMocks();
    expect(sheet).toBe(join(folder, "sheet.png"));
    expect([count, most <= 4]).toEqual([1000, true]);
    expect(lines).toEqual(["The contact sheet shows the first 1000 of 1003 pictures\n"]);
    // 32 columns of cells of 128 pixels, with gaps of 8.
    expect((await decode(sheet)).width).toBe(8 + 32 * 136);
  });
});
