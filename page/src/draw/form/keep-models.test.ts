import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { returns } from "../../api/live.ts";
import { chosenModel, models } from "./form-store.ts";
import { areLoading, keepModels } from "./keep-models.ts";

let served: string[] = [];
let status = 200;
let end = (): void => {};

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", async (address: string) =>
    address === "/ready"
      ? new Response(null, { status })
      : Response.json({ models: served.map((id) => ({ id, label: id })) }),
  );
  served = [];
  status = 200;
  models.value = [];
});
afterEach(() => {
  end();
  vi.useRealTimers();
});

const listed = (): unknown => models.value?.map(({ id }) => id);

it("asks for models until the server has loaded all", async () => {
  status = 503;
  end = keepModels();
  await vi.advanceTimersByTimeAsync(1);
  expect([areLoading.value, listed()]).toEqual([true, []]);
  served = ["small"];
  await vi.advanceTimersByTimeAsync(2000);
  expect([areLoading.value, listed(), chosenModel.value?.id]).toEqual([true, ["small"], "small"]);
  served = ["small", "demo"];
  status = 200;
  await vi.advanceTimersByTimeAsync(40_000);
  expect([areLoading.value, listed(), chosenModel.value?.id]).toEqual([
    false,
    ["small", "demo"],
    "small",
  ]);
  served = [];
  await vi.advanceTimersByTimeAsync(60_000);
  expect(listed()).toEqual(["small", "demo"]);
});

it("asks when the server is back, and no more once it is over", async () => {
  end = keepModels();
  await vi.advanceTimersByTimeAsync(1);
  served = ["small"];
  returns.value += 1;
  await vi.advanceTimersByTimeAsync(1);
  expect(listed()).toEqual(["small"]);
  end();
  served = [];
  returns.value += 1;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(listed()).toEqual(["small"]);
});
