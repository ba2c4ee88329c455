import { expect, it } from "vitest";
import { bandMeans } from "./timestep-bands.ts";

it("gives the mean of each band that was met, in their order", () => {
  const seen = [
    { loss: 4, timestep: 999 },
    { loss: 1, timestep: 0 },
    { loss: 2, timestep: 249 },
    { loss: 3, timestep: 250 },
  ];
  expect(Object.entries(bandMeans(seen))).toEqual([
    ["0-249", 1.5],
    ["250-499", 3],
    ["750-999", 4],
  ]);
});

it("has no bands for losses without timesteps", () => {
  expect(bandMeans([{ loss: 1, timestep: undefined }])).toEqual({});
});
