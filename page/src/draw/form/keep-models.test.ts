import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { returns } from "../../api/live.ts";
import { chosenModel, models } from "./form-store.ts";
import { keepModels } from "./keep-models.ts";

const heard = vi.hoisted(() => new Map<string, () => void>());
vi.mock(import("../../api/live.ts"), async (original) => ({
  ...(await original()),
  listen: (name, hear) => {
    heard.set(name, hear as () => void);
    return () => heard.delete(name);
  },
}));

let served: object[] = [];
let end = (): void => {};

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", async () => Response.json({ models: served }));
  served = [];
  models.value = [];
});
afterEach(() => {
  end();
  vi.useRealTimers();
});

const listed = (): unknown => models.value?.map(({ id, isLoading }) => [id, isLoading]);
const small = { id: "small", label: "small", isLoading: false };

it.each(["models", "runs", "drawing"])("asks once after several events: %s", async (name) => {
  end = keepModels();
  served = [small, { id: "demo", label: "demo", isLoading: true }];
  for (let i = 0; i < 3; i++) heard.get(name)?.();
  await vi.advanceTimersByTimeAsync(1000);
  expect([listed(), chosenModel.value?.id]).toEqual([
    [
      ["small", false],
      ["demo", true],
    ],
    "small",
  ]);
  served = [];
  await vi.advanceTimersByTimeAsync(60_000);
  expect(models.value).toHaveLength(2);
});

it("asks when the server is back, and no more once it is over", async () => {
  end = keepModels();
  served = [small];
  returns.value += 1;
  await vi.advanceTimersByTimeAsync(1);
  expect(listed()).toEqual([["small", false]]);
  end();
  served = [];
  returns.value += 1;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(listed()).toEqual([["small", false]]);
  expect(heard.size).toBe(0);
});
