import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EventLog, hasStageEnded, readEvents } from "./event-log.ts";
import type { NewEvent } from "./events.ts";

// A disk that fills up in the middle of a line.
const disk = vi.hoisted(() => ({ room: Number.POSITIVE_INFINITY }));
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  const writeSync = (file: number, bytes: Buffer, offset: number): number => {
    if (disk.room <= 0)
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    const written = fs.writeSync(file, bytes, offset, Math.min(bytes.length - offset, disk.room));
    disk.room -= written;
    return written;
  };
  return { ...fs, writeSync };
});

const started: NewEvent = { type: "run-start", name: "fox" };
const warning = (message: string): NewEvent => ({ type: "warning", stage: "a", step: 1, message });

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pixart-events-"));
  path = join(folder, "events.jsonl");
});
afterEach(() => {
  disk.room = Number.POSITIVE_INFINITY;
  rmSync(folder, { recursive: true });
});

/** A log whose first line is damaged and has so many bytes; the file has holes and takes no room. */
const writeDamaged = (bytes: number): void => {
  writeFileSync(path, "");
  truncateSync(path, bytes);
  appendFileSync(path, "\n");
};
/** More bytes than the longest string has characters, and than Node.js reads as a whole. */
const [PAST_STRINGS, PAST_READING] = [600 * 2 ** 20, 3 * 2 ** 30];

const write = (...events: NewEvent[]): void => {
  using log = new EventLog(path);
  for (const event of events) log.append(event);
};

describe("EventLog", () => {
  it("adds lines, also to a file that is there", () => {
    write(started, warning("one"));
    write(warning("zwei ✓"));
    expect(readEvents(path)).toMatchObject([started, warning("one"), warning("zwei ✓")]);
    expect(readFileSync(path, "utf8")).toMatch(/^(\{.+\}\n){3}$/);
  });

  it("notes when an event was written", () => {
    const before = Date.now();
    write(started);
    const noted = Date.parse(readEvents(path)[0]?.time ?? "");
    expect(noted).toBeGreaterThanOrEqual(before);
    expect(noted).toBeLessThanOrEqual(Date.now());
  });

  it("repairs a line torn at any byte", () => {
    write(started, warning("ü"));
    const whole = readFileSync(path);
    const first = whole.indexOf("\n") + 1;
    for (let end = first; end < whole.length; end++) {
      writeFileSync(path, whole.subarray(0, end));
      const isComplete = end === whole.length - 1; // only its end of line is missing
      const events = isComplete ? [started, warning("ü")] : [started];
      expect(readEvents(path)).toMatchObject(events);
      write(warning("next"));
      expect(readEvents(path)).toMatchObject([...events, warning("next")]);
    }
  });

  it("repairs a file whose first line is torn", () => {
    writeFileSync(path, '{"type":"run-st');
    write(started);
    expect(readEvents(path)).toMatchObject([started]);
  });

  it("reads only the end of a file, however large it is", () => {
    writeDamaged(PAST_READING);
    appendFileSync(path, '{"type":"run-st');
    new EventLog(path)[Symbol.dispose]();
    expect(statSync(path).size).toBe(PAST_READING + 1);
  });

  it("leaves no half line on a full disk, and goes on when there is room again", () => {
    using log = new EventLog(path);
    log.append(started);
    disk.room = 20;
    expect(() => log.append(warning("lost"))).toThrow(
      new RegExp(
        `^${path}: expected to write \\d+ bytes but found a full disk \\(ENOSPC\\); free some space or write elsewhere \\(\\d+ bytes free\\)$`,
      ),
    );
    disk.room = Number.POSITIVE_INFINITY;
    log.append(warning("kept"));
    expect(readEvents(path)).toMatchObject([started, warning("kept")]);
  });

  it("puts a line together that the system writes in pieces", () => {
    using log = new EventLog(path);
    disk.room = 1e9;
    const long = warning("x".repeat(100_000));
    log.append(long);
    expect(readEvents(path)).toMatchObject([long]);
  });
});

describe("readEvents", () => {
  it("folds", () => {
    write(started, warning("one"), { type: "resume", stage: "a", step: 0 });
    expect(readEvents(path)).toMatchObject([started, { type: "resume" }]);
  });

  it("refuses a bad line that is not the last", () => {
    write(started);
    appendFileSync(path, "rubbish\n");
    write(warning("one"));
    expect(() => readEvents(path)).toThrow(
      `${path}: line 2: expected an event but found "rubbish"`,
    );
  });

  it("reads a file that no string can hold", () => {
    writeDamaged(PAST_STRINGS);
    write(started);
    expect(() => readEvents(path)).toThrow(
      `${path}: line 1: expected an event but found "\\u0000\\u0000`,
    );
  });

  it("names the file that is missing", () => {
    expect(() => readEvents(path)).toThrow(`ENOENT: no such file or directory, open '${path}'`);
  });
});

describe("hasStageEnded", () => {
  const end: NewEvent = { type: "stage-end", stage: "a", step: 9 };

  it("finds the end of a stage's last step, past damaged lines", () => {
    write(started, { ...end, step: 8 }, { ...end, stage: "b" });
    appendFileSync(path, '{"type":"stage-end","stage":"a","step":9\n');
    expect(hasStageEnded(path, "a", 9)).toBe(false);
    write(end, warning("later"));
    expect(hasStageEnded(path, "a", 9)).toBe(true);
    expect(hasStageEnded(path, "a", 10)).toBe(false);
  });

  it("reads a file that no string can hold", () => {
    writeDamaged(PAST_STRINGS);
    write(end);
    expect(hasStageEnded(path, "a", 9)).toBe(true);
  });
});
