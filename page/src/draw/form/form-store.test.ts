import { beforeEach, expect, it, vi } from "vitest";
import type { DrawModel } from "../../../../src/studio/api-types.ts";
import { EMPTY_FORM } from "./draw-form.ts";
import { drawRequest } from "./draw-request.ts";
import {
  chosenModel,
  form,
  loadModels,
  missingModel,
  models,
  openForm,
  setForm,
  startPicture,
} from "./form-store.ts";

const model = (id: string, more: Partial<DrawModel> = {}): DrawModel => ({
  ...{ id, label: id, run: null, stage: null, step: null, resolution: 64, isLoading: false },
  ...{ steps: 20, guidanceScale: 4.5, schedulers: [], adapters: [], ...more },
});
const checkpoint = (stage: string, step: number): DrawModel =>
  model(`r1/${stage}/${step}`, { run: "r1", stage, step });

/** Opens the form at an address, where the server has these models. */
async function open(address: string, list: readonly DrawModel[]): Promise<void> {
  vi.stubGlobal("location", new URL(address, "http://studio/draw"));
  vi.stubGlobal("fetch", () => Promise.resolve(Response.json({ models: list })));
  await openForm();
}

const sent = (): unknown => drawRequest(form.value).model;

beforeEach(() => {
  models.value = undefined;
  missingModel.value = undefined;
  startPicture.value = undefined;
  form.value = EMPTY_FORM;
});

it("sends the model that it shows", async () => {
  await open("?prompt=a+fox", [model("demo"), model("small")]);
  expect([chosenModel.value?.id, sent(), missingModel.value]).toEqual(["demo", "demo", undefined]);
});

it("goes on to send it when a newer one is listed", async () => {
  await open("", [checkpoint("a", 1)]);
  await open("", [checkpoint("a", 2), checkpoint("a", 1)]);
  expect([chosenModel.value?.id, sent()]).toEqual(["r1/a/1", "r1/a/1"]);
});

it("says that a model is gone, and shows and sends another without the adapters of the first", async () => {
  await open("?model=old&adapter=noto:0.8", [model("demo"), model("small")]);
  expect([chosenModel.value?.id, sent(), missingModel.value]).toEqual(["demo", "demo", "old"]);
  expect(form.value.adapters).toEqual([]);
  setForm({ prompt: "a fox" });
  expect(missingModel.value).toBe("old");
  setForm({ model: "small" });
  expect([sent(), missingModel.value]).toEqual(["small", undefined]);
  setForm({ ...form.value, model: "older" }); // from a picture's settings
  expect([sent(), missingModel.value]).toEqual(["demo", "older"]);
});

it("says so of a checkpoint that was pruned meanwhile", async () => {
  await open("", [checkpoint("a", 1)]);
  await open("", [checkpoint("a", 3), checkpoint("a", 2)]);
  expect([sent(), missingModel.value]).toEqual(["r1/a/3", "r1/a/1"]);
});

it("takes the checkpoint of its address once the server answers", async () => {
  vi.stubGlobal("location", new URL("?run=r1&stage=a&step=1", "http://studio/draw"));
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("no connection")));
  await openForm();
  expect([models.value, sent()]).toEqual([undefined, ""]);
  const list = [checkpoint("b", 1), checkpoint("a", 1)];
  vi.stubGlobal("fetch", () => Promise.resolve(Response.json({ models: list })));
  await loadModels();
  expect([sent(), missingModel.value]).toEqual(["r1/a/1", undefined]);
});

it("drops an older list that comes last", async () => {
  const answers: ((list: readonly DrawModel[]) => void)[] = [];
  const answered = (): Promise<Response> =>
    new Promise((resolve) => {
      answers.push((list) => resolve(Response.json({ models: list })));
    });
  vi.stubGlobal("fetch", answered);
  const [first, second] = [loadModels(), loadModels()];
  answers[1]?.([checkpoint("a", 2), checkpoint("a", 1)]);
  await second;
  answers[0]?.([checkpoint("a", 1)]);
  await first;
  expect(models.value).toHaveLength(2);
});

it("takes the wanted model once it is listed", async () => {
  await open("?model=small", [model("demo")]);
  expect([sent(), missingModel.value]).toEqual(["demo", "small"]);
  await open("", [model("demo"), model("small")]);
  expect([sent(), missingModel.value]).toEqual(["small", undefined]);
});

it("keeps adapters that an address names with their model, and none with another model", async () => {
  const list = [model("demo", { adapters: ["noto"] }), model("small")];
  await open("?model=demo&adapter=noto:0.8", list);
  expect(form.value.adapters).toEqual([{ name: "noto", scale: 0.8 }]);
  await open("?model=small", list);
  expect(form.value).toMatchObject({ model: "small", adapters: [] });
});

it("finds a checkpoint by its stage, or the newest", async () => {
  const list = [checkpoint("b", 2), checkpoint("b", 1), checkpoint("a", 9), checkpoint("a", 1)];
  await open("?run=r1&stage=a&step=1", list);
  expect(sent()).toBe("r1/a/1");
  await open("?run=r1&stage=a", list);
  expect(sent()).toBe("r1/a/9");
  await open("?run=r1", list);
  expect([sent(), missingModel.value]).toEqual(["r1/b/2", undefined]);
  await open("?run=r1&stage=a&step=5000", list);
  expect([sent(), missingModel.value]).toEqual(["r1/b/2", "The run's checkpoint a @5,000"]);
});
