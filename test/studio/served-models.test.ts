import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, it } from "vitest";
import type { RunningServer } from "../../src/server/start-server.ts";
import type { DrawModel } from "../../src/studio/api-types.ts";
import { Studio } from "../../src/studio/studio.ts";
import { startTestServer } from "../fixtures/test-server.ts";
import { listen, until } from "./heard-events.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-served-models-"));
let server: RunningServer;
afterEach(() => server.stop(0));
afterAll(() => rmSync(folder, { recursive: true }));

/** A server of models as `pixart serve` starts it, with the page. */
const serve = (place: string, waits = true): Promise<RunningServer> =>
  startTestServer({
    models: ["zebra", "demo", "lynx"].map((name) => ({ name, place })),
    extension: new Studio({
      ...{ workDirs: [folder], dataRoots: [], isReadOnly: true, offersModels: false },
      program: [process.execPath, "-e", ""],
      cacheFolder: join(folder, "cache"),
    }),
    waits,
  });
const get = async <T>(path: string): Promise<T> => (await fetch(server.url + path)).json() as T;
const ids = (list: readonly { readonly id: string }[]): string[] => list.map(({ id }) => id);

it("lists the served models in the order of the set-up, the one that draws unless told otherwise first", async () => {
  server = await serve("step=1");
  const { models } = await get<{ models: DrawModel[] }>("/api/models");
  const { data } = await get<{ data: { id: string }[] }>("/v1/models");
  const system = await get<{ models: { id: string }[] }>("/api/system");
  const ready = await get<{ models: string[] }>("/ready");
  for (const list of [ids(models), ids(data), ids(system.models), ready.models])
    expect(list).toEqual(["zebra", "demo", "lynx"]);
});

it("lists models while they are loaded, and tells when one is", async () => {
  server = await serve("step=1,load=700", false);
  const list = async (): Promise<DrawModel[]> =>
    (await get<{ models: DrawModel[] }>("/api/models")).models;
  const { heard, close } = await listen({ server }, "");
  const before = await list();
  expect(ids(before)).toEqual(["zebra", "demo", "lynx"]);
  expect((await get<{ models: object[] }>("/api/system")).models).toHaveLength(3);
  expect(before[0]).toMatchObject({ isLoading: true, steps: null, resolution: null });
  await server.ready;
  const after = await list();
  expect(after.map(({ isLoading }) => isLoading)).toEqual([false, false, false]);
  expect(after[0]).toMatchObject({ steps: 20, resolution: 64 });
  await until(() => heard.some(({ name }) => name === "models"));
  close();
});
