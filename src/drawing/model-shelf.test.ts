import { afterAll, expect, it } from "vitest";
import { collectGarbage } from "../../test/collect-garbage.ts";
import { PixArtAlphaPipeline } from "../pipelines/index.ts";
import * as torch from "../torch/index.ts";
import { pipelineBytes } from "./model-bytes.ts";
import { ModelShelf } from "./model-shelf.ts";

const load = (): Promise<PixArtAlphaPipeline> => PixArtAlphaPipeline.fromPretrained("emoji-demo");
const loads: string[] = [];
const loading = (name: string): Promise<PixArtAlphaPipeline> => {
  loads.push(name);
  return load();
};
let bytes = 0;
afterAll(collectGarbage);

it("counts the bytes of a pipeline's weights", async () => {
  const pipe = await load();
  bytes = pipelineBytes(pipe);
  // The three weight files of models/emoji-demo, less their headers.
  expect(bytes).toBeGreaterThan(25e6);
  expect(bytes).toBeLessThan(30e6);
  pipe.dispose();
});

it("takes away the model that was used least recently, and gives its memory back", async () => {
  collectGarbage();
  const before = torch.memory().tensors;
  const shelf = new ModelShelf(2.5 * bytes, loading);
  const first = await shelf.get("a");
  const each = torch.memory().tensors - before;
  await shelf.get("b");
  expect(await shelf.get("a")).toBe(first);
  await shelf.get("c");
  expect(shelf.names).toEqual(["a", "c"]);
  expect(shelf.bytes).toBe(2 * bytes);
  expect(torch.memory().tensors - before).toBe(2 * each);
  await shelf.get("b");
  expect(loads).toEqual(["a", "b", "c", "b"]);
  expect(shelf.names).toEqual(["c", "b"]);
});

it("keeps the one that was asked for, however little room there is", async () => {
  const shelf = new ModelShelf(1, load);
  await shelf.get("a");
  await shelf.get("b");
  expect(shelf.names).toEqual(["b"]);
});
