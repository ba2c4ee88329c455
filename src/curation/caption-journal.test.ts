import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { CaptionJournal } from "./caption-journal.ts";

const disk = vi.hoisted(() => ({ isFull: false }));
vi.mock("node:fs", async (importOriginal) => {
  const fs = await importOriginal<typeof import("node:fs")>();
  // A full disk takes some bytes, and then none.
  const writeSync = (file: number, bytes: Uint8Array, from: number): number => {
    if (disk.isFull && from > 0)
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    return fs.writeSync(file, bytes, from, disk.isFull ? 5 : undefined);
  };
  return { ...fs, writeSync };
});

const work = mkdtempSync(join(tmpdir(), "pixart-journal-"));
afterAll(() => rmSync(work, { recursive: true }));
const asked = { model: "llava", prompt: "Describe" };
const answer = (file: string, caption: string) => ({ file, caption, cut: false, tokens: 7 });

describe("CaptionJournal", () => {
  it("keeps answers, whatever they hold, and tells those of others apart", async () => {
    const path = join(work, "new", "journal.jsonl");
    const odd = 'two\nlines, "quoted", \u2028 and ünï 🎨';
    {
      using journal = await CaptionJournal.open(path, asked);
      journal.append(answer("a.png", odd));
      journal.append(answer("b.png", "first"));
      journal.append({ ...answer("b.png", "second"), cut: true });
    }
    {
      using journal = await CaptionJournal.open(path, { ...asked, model: "else" });
      expect([journal.captions.size, journal.others]).toEqual([0, 3]);
      journal.append(answer("a.png", "of the other"));
    }
    using journal = await CaptionJournal.open(path, asked);
    expect([...journal.captions]).toEqual([
      ["a.png", { caption: odd, cut: false }],
      ["b.png", { caption: "second", cut: true }],
    ]);
    expect(journal.others).toBe(1);
    expect(JSON.parse(readFileSync(path, "utf8").split("\n")[0] ?? "")).toEqual({
      ...answer("a.png", odd),
      ...asked,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
  });

  it("loses the line that a killed process was writing, wherever it was cut, and no other", async () => {
    const path = join(work, "cut.jsonl");
    {
      using journal = await CaptionJournal.open(path, asked);
      journal.append(answer("a.png", "whole"));
      journal.append(answer("b.png", "cut 🎨"));
    }
    const bytes = readFileSync(path);
    const second = bytes.indexOf("\n") + 1;
    for (let length = second; length < bytes.length; length += 1) {
      writeFileSync(path, bytes.subarray(0, length));
      {
        using journal = await CaptionJournal.open(path, asked);
        expect([...journal.captions.keys()]).toEqual(["a.png"]);
        journal.append(answer("c.png", "after"));
      }
      using again = await CaptionJournal.open(path, asked);
      expect([...again.captions.keys()]).toEqual(["a.png", "c.png"]);
    }
  });

  it("reads journals that are longer than a piece of the file", async () => {
    const path = join(work, "long.jsonl");
    const lines = Array.from({ length: 3000 }, (_, i) =>
      JSON.stringify({ ...answer(`${i}.png`, "ä".repeat(500)), ...asked }),
    );
    writeFileSync(path, `${lines.join("\n")}\n`);
    using journal = await CaptionJournal.open(path, asked);
    expect(journal.captions.size).toBe(3000);
    expect(journal.captions.get("2999.png")?.caption).toBe("ä".repeat(500));
  });

  it("counts only answers since an overwrite began, until it has ended", async () => {
    const path = join(work, "overwrite.jsonl");
    const known = async (overwrite: boolean, given = asked): Promise<string[]> => {
      using journal = await CaptionJournal.open(path, given);
      if (overwrite) journal.beginOverwrite();
      return [...journal.captions].map(([file, { caption }]) => `${file} ${caption}`);
    };
    {
      using journal = await CaptionJournal.open(path, asked);
      journal.append(answer("a.png", "old"));
      journal.append(answer("b.png", "old"));
      journal.beginOverwrite();
      journal.append({ ...answer("a.png", "new"), replaces: "by hand" });
      expect([...journal.captions]).toEqual([
        ["a.png", { caption: "new", cut: false, replaces: "by hand" }],
      ]);
    }
    expect(await known(true)).toEqual(["a.png new"]);
    expect(await known(false)).toEqual(["a.png new", "b.png old"]);
    {
      using other = await CaptionJournal.open(path, { ...asked, prompt: "Else" });
      expect(other.others).toBe(3);
      other.beginOverwrite();
      other.endOverwrite();
    }
    {
      using journal = await CaptionJournal.open(path, asked);
      journal.beginOverwrite();
      expect(journal.captions.get("a.png")).toMatchObject({ replaces: "by hand" });
      journal.endOverwrite();
    }
    expect(await known(false)).toEqual(["a.png new", "b.png old"]);
    expect(await known(true)).toEqual([]);
    const marks = readFileSync(path, "utf8").match(/"overwrite":"\w+"/g);
    expect(marks?.map((mark) => mark.slice(13, -1))).toEqual([
      "begins",
      "begins",
      "ends",
      "ends",
      "begins",
    ]);
  });

  it("refuses a line that is no answer", async () => {
    const path = join(work, "bad.jsonl");
    writeFileSync(path, '\n{"file": "a.png"}\n');
    await expect(CaptionJournal.open(path, asked)).rejects.toThrow(
      `${path}: line 2: expected an answer with file, caption, model and prompt but found "{\\"file\\": \\"a.png\\"}"; remove the line, or name another file with --journal`,
    );
  });

  it("says that a full disk stopped it", async () => {
    const path = join(work, "full.jsonl");
    using journal = await CaptionJournal.open(path, asked);
    journal.append(answer("a.png", "x"));
    const before = readFileSync(path, "utf8");
    disk.isFull = true;
    expect(() => journal.append(answer("b.png", "x"))).toThrow(
      new RegExp(
        `^${path}: expected to write \\d+ bytes but found a full disk \\(ENOSPC\\); earlier captions are kept: free some space and run the same command again \\(\\d+ bytes free\\)$`,
      ),
    );
    disk.isFull = false;
    expect(readFileSync(path, "utf8")).toBe(before);
    expect([...journal.captions.keys()]).toEqual(["a.png"]);
  });
});
