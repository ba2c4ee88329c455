import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";
import { inUnits, partOf } from "./progress.ts";
import { showProgress } from "./progress-bar.ts";

/** A stream that remembers what was written, and may pretend to be a terminal. */
function recorder(isTTY: boolean): { stream: Writable & { isTTY: boolean }; text: () => string } {
  let text = "";
  const stream = new Writable({
    write(chunk, _, done) {
      text += chunk;
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY, columns: 120 }), text: () => text };
}

describe("showProgress", () => {
  it("draws a bar on a terminal", () => {
    const { stream, text } = recorder(true);
    const progress = showProgress("transformer/config.json", 2_000, stream);
    progress.update(1_000);
    progress.finish();
    expect(text()).toContain("transformer/config.json");
    expect(text()).toContain("0%  0 B of 2.0 kB");
    expect(text()).toContain("100%  2.0 kB of 2.0 kB");
  });

  it("writes one line per file elsewhere, and none for a file that did not come", () => {
    const { stream, text } = recorder(false);
    const progress = showProgress("vae/config.json", 2_000, stream);
    progress.update(1_000);
    expect(text()).toBe("");
    progress.finish();
    showProgress("other", 1, stream).stop();
    expect(text()).toBe("vae/config.json: 2.0 kB\n");
  });
});

describe("partOf", () => {
  it("adds up files that come at the same time", () => {
    const seen: number[] = [];
    const next = partOf({ update: (bytes) => seen.push(bytes), finish: () => {}, stop: () => {} });
    const [a, b] = [next(), next()];
    a.update(10);
    b.update(5);
    a.update(4); // began again
    b.update(7);
    expect(seen).toEqual([10, 15, 9, 11]);
  });
});

describe("inUnits", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1_234, "1.2 kB"],
    [19_050_000_000, "19 GB"],
    [2e15, "2000 TB"],
  ])("says %d bytes as %s", (bytes, text) => {
    expect(inUnits(bytes)).toBe(text);
  });
});
