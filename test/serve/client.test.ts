import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { execa } from "execa";
import { PixartClient, PixartError } from "pixart/client";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import type { RunningServer } from "../../src/server/start-server.ts";
import { startTestServer } from "../fixtures/test-server.ts";

let server: RunningServer;
let client: PixartClient;
beforeAll(async () => {
  server = await startTestServer({
    models: [{ name: "stand-in", place: "step=20" }],
    keys: ["secret"],
  });
  client = new PixartClient({ baseUrl: server.url, apiKey: "secret" });
});
afterAll(() => server.stop(0));

describe("pixart/client", () => {
  it("draws, with fields that the compiler knows", async () => {
    const { pictures, size, details } = await client.generate({
      prompt: "a fox",
      n: 2,
      seed: 4,
      steps: 2,
      output_format: "webp",
    });
    expect(pictures.map(({ seed, mediaType }) => [seed, mediaType])).toEqual([
      [4, "image/webp"],
      [5, "image/webp"],
    ]);
    expect((await RgbImage.decode(pictures[0]?.bytes ?? new Uint8Array())).width).toBe(64);
    expect([size, details.steps, details.model]).toEqual(["64x64", 2, "stand-in"]);
    // @ts-expect-error there is no such field
    await expect(client.generate({ prompt: "a fox", sead: 4 })).rejects.toThrow(
      "Did you mean seed?",
    );
    expect(await client.models()).toEqual(["stand-in"]);
  });

  it("edits bytes and blobs", async () => {
    const png = await RgbImage.filled(24, 16, [1, 2, 3]).encodePng();
    const { size } = await client.edit({ prompt: "a fox", image: png, mask: png, steps: 1 });
    expect(size).toBe("24x16");
    const blob = new Blob([new Uint8Array(png)], { type: "image/png" });
    expect((await client.edit({ prompt: "a fox", image: blob, steps: 1 })).pictures).toHaveLength(
      1,
    );
  });

  it("tells what happens, and the pictures last", async () => {
    const types: string[] = [];
    let previewed: number | undefined;
    for await (const event of client.watch({ prompt: "a fox", steps: 12 }, { previews: 3 })) {
      types.push(event.type);
      if (event.type === "preview") previewed = (await RgbImage.decode(event.bytes)).width;
      if (event.type === "completed") expect(event.result.pictures).toHaveLength(1);
    }
    expect(types.at(-1)).toBe("completed");
    expect(types).toContain("progress");
    expect(previewed).toBe(16);
  });

  it("tells what happens to an edit", async () => {
    const image = await RgbImage.filled(24, 16, [1, 2, 3]).encodePng();
    const types = new Set<string>();
    let size: string | undefined;
    for await (const event of client.watchEdit(
      { prompt: "a fox", image, steps: 12 },
      { previews: 1 },
    )) {
      types.add(event.type);
      if (event.type === "completed") size = event.result.size;
    }
    expect([...types]).toEqual(expect.arrayContaining(["progress", "preview", "completed"]));
    expect(size).toBe("24x16");
  });

  it("cancels what nobody watches any more", async () => {
    for await (const event of client.watch({ prompt: "a fox", steps: 500 })) {
      if (event.type === "progress") break;
    }
    await vi.waitFor(() => expect(server.context.dispatcher.pictures).toBe(0), 2000);
    const leaving = new AbortController();
    setTimeout(() => leaving.abort(), 100);
    const watching = (async () => {
      for await (const _ of client.watch(
        { prompt: "a fox", steps: 500 },
        { signal: leaving.signal },
      ));
    })();
    await expect(watching).rejects.toThrow(/abort/i);
    await vi.waitFor(() => expect(server.context.dispatcher.pictures).toBe(0), 2000);
  });

  it("goes on with a job that was begun before", async () => {
    const id = await client.begin({ prompt: "a fox", steps: 12, seed: 4 });
    const types: string[] = [];
    for await (const event of client.follow(id)) types.push(event.type);
    expect(types.at(-1)).toBe("completed");
    // Who comes when it is over is told the pictures alone.
    for await (const event of client.follow(id))
      if (event.type === "completed") expect(event.result.pictures[0]?.seed).toBe(4);
    await expect(client.follow("job_none").next()).rejects.toMatchObject({
      code: "job_not_found",
    });
  });

  it("throws what the server says", async () => {
    const failed = await client
      .generate({ prompt: "a fox", size: "1x99999" })
      .catch((error) => error);
    expect(failed).toBeInstanceOf(PixartError);
    expect(failed).toMatchObject({ status: 400, code: "invalid_size", param: "size" });
    const watching = client.watch({ prompt: "not finite", steps: 1 });
    await expect(
      (async () => {
        for await (const _ of watching);
      })(),
    ).rejects.toMatchObject({ code: "not_finite" });
    const stranger = new PixartClient({ baseUrl: server.url });
    await expect(stranger.models()).rejects.toMatchObject({ status: 401, code: "invalid_api_key" });
  });

  it("runs the example", async () => {
    const open = await startTestServer();
    const folder = mkdtempSync(join(tmpdir(), "pixart-client-"));
    const [script, file] = [
      new URL("../../examples/client.ts", import.meta.url),
      join(folder, "a.png"),
    ];
    const args = ["--import", "tsx", fileURLToPath(script), open.url, "a fox", file];
    const { stdout } = await execa(process.execPath, args);
    expect(stdout).toMatch(/^step \d+ of 20$/m);
    expect((await RgbImage.decode(file)).data[0]).toBe(7);
    rmSync(folder, { recursive: true });
    await open.stop(0);
  });

  it("imports nothing when it runs", async () => {
    const entry = fileURLToPath(new URL("../../src/client/index.ts", import.meta.url));
    const { metafile } = await build({
      entryPoints: [entry],
      bundle: true,
      write: false,
      metafile: true,
      format: "esm",
      platform: "browser",
      packages: "external",
    });
    const [output] = Object.values(metafile.outputs);
    expect(output?.imports).toEqual([]);
    expect(Object.keys(metafile.inputs).every((name) => name.startsWith("src/client/"))).toBe(true);
    expect(
      JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).exports,
    ).toHaveProperty("./client");
  });
});
