import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { generateWasm } from "../../scripts/generate-wasm.ts";
import { resample } from "./resample.ts";
import { tapsOf } from "./resample-taps.ts";

/** 64 columns, 8 rows: black on the left of an edge, white on its right. */
function edge(column: number) {
  const data = new Uint8Array(64 * 8 * 3);
  for (let y = 0; y < 8; y++) data.fill(255, (y * 64 + column) * 3, (y + 1) * 64 * 3);
  return { width: 64, height: 8, data };
}

/** Where the edge is in the fourth row, in pixels. */
const placeOf = (data: Uint8Array, width: number): number =>
  data.subarray(4 * width * 3, 5 * width * 3).reduce((sum, v) => sum + (255 - v) / 3, 0) / 255;

it("has the WebAssembly that `npm run wasm` writes", async () => {
  const stored = readFileSync(new URL("resample-wasm.gen.ts", import.meta.url), "utf8");
  expect(stored).toBe(await generateWasm());
});

it.each(["nearest", "linear", "cubic", "mitchell", "lanczos2", "lanczos3"] as const)(
  "leaves an edge in its place, whatever the size: %s",
  async (kernel) => {
    for (const width of [96, 128, 192, 256, 32, 16]) {
      const place = placeOf(await resample(edge(32), width, 8, kernel), width);
      // Kernels below zero overshoot beside the edge, and bytes cut that off.
      expect(Math.abs(place - width / 2), `${width}`).toBeLessThan(
        kernel === "nearest" ? 0.01 : 0.1,
      );
    }
  },
);

it("weighs by the kernel that it is told", async () => {
  const kernels = ["nearest", "linear", "cubic", "mitchell", "lanczos2", "lanczos3"] as const;
  const found = kernels.map(async (kernel) => `${await resample(edge(20), 150, 8, kernel)}`);
  expect(new Set(await Promise.all(found)).size).toBe(6);
});

it("keeps flat colours flat", async () => {
  const flat = { width: 5, height: 4, data: new Uint8Array(60).fill(201) };
  for (const kernel of ["linear", "cubic", "mitchell", "lanczos2", "lanczos3"] as const) {
    for (const [width, height] of [
      [13, 9],
      [2, 3],
      [5, 1],
    ] as const)
      expect(new Set(await resample(flat, width, height, kernel)), kernel).toEqual(new Set([201]));
  }
});

it("answers many callers at once, each with its own picture", async () => {
  const sizes = Array.from({ length: 40 }, (_, i) => 10 + 5 * i);
  const together = await Promise.all(sizes.map((size) => resample(edge(20), size, 8, "cubic")));
  for (const [i, size] of sizes.entries())
    expect(together[i]).toEqual(await resample(edge(20), size, 8, "cubic"));
});

it("leaves the picture that it was given as it was", async () => {
  const given = edge(20);
  const part = { ...given, height: 4, data: given.data.subarray(0, 64 * 4 * 3) };
  await resample(part, 10, 10, "linear");
  expect(given).toEqual(edge(20));
});

it("leaves a Buffer that it was given as it was, and what shares its memory", async () => {
  const memory = Buffer.alloc(2 * edge(20).data.length); // of its own, which could be given away
  memory.set(edge(20).data);
  const given = { width: 64, height: 8, data: memory.subarray(0, memory.length / 2) };
  const wanted = await resample(edge(20), 10, 10, "linear");
  expect(await resample(given, 10, 10, "linear")).toEqual(wanted);
  expect(await resample(given, 10, 10, "linear")).toEqual(wanted);
  expect(memory.length).toBe(2 * edge(20).data.length);
});

it("takes no more weights for a pixel than there are pixels", () => {
  const { most, weights, count } = tapsOf("lanczos3", 8000, 1);
  expect({ most, weights: weights.length, count: [...count] }).toEqual({
    most: 8000,
    weights: 8000,
    count: [8000],
  });
});
