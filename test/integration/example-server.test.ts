import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const server = execa(
  process.execPath,
  ["--import", "tsx", "examples/server.ts", "emoji-demo", "0"],
  { cwd: ROOT, reject: false },
);
let url = "";
const get = (path: string, signal: AbortSignal | null = null): Promise<Response> =>
  fetch(`${url}${path}`, { signal });

beforeAll(async () => {
  const [line] = await once(server.stdout, "data");
  url = `${line}`.trim();
}, 60_000);
afterAll(() => server.kill());

it("draws the same picture of the same seed, and answers meanwhile", async () => {
  const bytes = async (): Promise<Uint8Array> =>
    new Uint8Array(await (await get("/?prompt=a+fox&seed=7")).arrayBuffer());
  const [first, { status }] = await Promise.all([bytes(), get("/health")]);
  expect(status).toBe(200);
  expect((await RgbImage.decode(first)).width).toBe(64);
  expect(await bytes()).toEqual(first);
});

it("says what is wrong with a request", async () => {
  const wrong = await get("/?prompt=a+fox&seed=x");
  expect([wrong.status, await wrong.text()]).toEqual([400, expect.stringMatching(/for seed/)]);
  expect((await get("/")).status).toBe(400);
});

it("draws for others after a client has hung up", async () => {
  await expect(get("/?prompt=a+cat", AbortSignal.timeout(50))).rejects.toThrow(/timeout|aborted/);
  expect((await get("/?prompt=a+dog&seed=1")).status).toBe(200);
});
