import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { resolveModel, type WantedFile } from "../../src/hub/index.ts";
import { runChild } from "../child.ts";
import { modelFiles, name, testHub, transformerFiles, treeOf, weights } from "./hub-fixture.ts";

const child = new URL("hub-child.ts", import.meta.url);
const args = [name, JSON.stringify(transformerFiles)];
const weightFile = "transformer/diffusion_pytorch_model.safetensors";
const resolveTransformer = (revision?: string): Promise<string> =>
  resolveModel(name, { revision, files: transformerFiles });

describe("a name on the Hub", () => {
  it("becomes a folder of the cache, with the wanted files alone", async () => {
    const { server, commit, model } = await testHub();
    const folder = await resolveTransformer();
    expect(folder).toBe(join(model, "snapshots", commit));
    expect(Object.keys(treeOf(folder)).sort()).toEqual(["transformer/config.json", weightFile]);
    expect(readFileSync(join(folder, weightFile)).equals(weights)).toBe(true);
    expect(readFileSync(join(model, "refs/main"), "utf8")).toBe(commit);
    const tree = `/api/models/${name}/tree/${commit}`;
    const file = `/${name}/resolve/${commit}/transformer`;
    expect(server.log("hub")).toEqual([
      `GET /api/models/${name}/revision/main`,
      `GET ${tree}`,
      `GET ${tree}`, // the second page
      `GET ${file}/config.json`,
      `GET /api/resolve-cache/models/${name}/${commit}/transformer%2Fconfig.json`,
      `GET ${file}/diffusion_pytorch_model.safetensors`,
    ]);
    expect(server.log("storage")).toEqual(["GET /bucket"]);
  });

  it("costs nothing the second time: pinned and offline no request, else one for the branch", async () => {
    const { server, commit } = await testHub();
    const folder = await resolveTransformer();
    server.requests.length = 0;
    expect(await resolveTransformer(commit)).toBe(folder);
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    expect(await resolveTransformer()).toBe(folder);
    vi.stubEnv("HF_HUB_OFFLINE", undefined);
    vi.stubEnv("TRANSFORMERS_OFFLINE", "true");
    expect(await resolveTransformer()).toBe(folder);
    expect(server.requests).toEqual([]);
    vi.stubEnv("TRANSFORMERS_OFFLINE", "0");
    expect(await resolveTransformer()).toBe(folder);
    expect(server.log("hub")).toEqual([`GET /api/models/${name}/revision/main`]);
  });

  it("asks for nothing where a folder was given", async () => {
    const { server, cache } = await testHub();
    mkdirSync(cache);
    expect(await resolveModel(cache, { files: transformerFiles })).toBe(cache);
    await expect(resolveModel(cache, { revision: "main", files: [] })).rejects.toThrow(
      `Expected a name on the Hub to go with revision "main" but received the folder ${cache}`,
    );
    expect(server.requests).toEqual([]);
  });

  it("brings an index and then the shards that it names", async () => {
    const index = { weight_map: { a: "model-1.safetensors", b: "model-2.safetensors" } };
    const { server, commit } = await testHub({
      "text_encoder/model.safetensors.index.json": JSON.stringify(index),
      "text_encoder/model-1.safetensors": "first",
      "text_encoder/model-2.safetensors": "second",
      "text_encoder/model-3.safetensors": "left over",
    });
    const files: WantedFile[] = [
      {
        names: ["text_encoder/model.safetensors", "text_encoder/model.safetensors.index.json"],
      },
    ];
    const folder = await resolveModel(name, { files });
    expect(Object.keys(treeOf(folder)).sort()).toEqual([
      "text_encoder/model-1.safetensors",
      "text_encoder/model-2.safetensors",
      "text_encoder/model.safetensors.index.json",
    ]);
    rmSync(join(folder, "text_encoder/model-2.safetensors"));
    server.requests.length = 0;
    await resolveModel(name, { revision: commit, files });
    expect(existsSync(join(folder, "text_encoder/model-2.safetensors"))).toBe(true);
    expect(server.log("storage")).toEqual([]); // its blob was there still
  });

  it("downloads what a new revision changed, and keeps the old one", async () => {
    const { server, commit } = await testHub();
    const old = await resolveTransformer();
    const next = server.commit({ ...modelFiles, "transformer/config.json": '{"layers": 4}' });
    server.requests.length = 0;
    const folder = await resolveTransformer();
    expect(folder).toBe(old.replace(commit, next));
    expect(server.log("storage")).toEqual([]);
    expect(readFileSync(join(folder, "transformer/config.json"), "utf8")).toBe('{"layers": 4}');
    expect(await resolveTransformer(commit)).toBe(old);
  });

  it("keeps the whole old revision for offline use while a new one is half there", async () => {
    const { server } = await testHub();
    const old = await resolveTransformer();
    server.commit({ ...modelFiles, "transformer/config.json": "{}", [weightFile]: "new" });
    server.faults.push(
      ...Array.from({ length: 2 }, () => ({ path: weightFile, kind: "corrupt" as const })),
    );
    await expect(resolveTransformer()).rejects.toThrow("expected 3 bytes with the hash");
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    expect(await resolveTransformer()).toBe(old);
  });

  it("takes a branch or a tag, also one with a slash", async () => {
    const { server, model } = await testHub();
    const commit = server.commit({ ...modelFiles, "transformer/config.json": "{}" }, "refs/pr/1");
    const folder = await resolveTransformer("refs/pr/1");
    expect(folder).toBe(join(model, "snapshots", commit));
    expect(readFileSync(join(model, "refs/refs/pr/1"), "utf8")).toBe(commit);
  });

  it("leaves optional files out that the model does not have", async () => {
    await testHub();
    const files = [
      { names: ["vae/config.json"] },
      { names: ["vae/added_tokens.json"], isOptional: true },
      { names: ["README.md"], isOptional: true },
    ];
    const folder = await resolveModel(name, { files });
    expect(Object.keys(treeOf(folder)).sort()).toEqual(["README.md", "vae/config.json"]);
  });
});

describe("a download", () => {
  it("goes on where the connection broke", async () => {
    const { server } = await testHub();
    server.faults.push({ path: weightFile, kind: "cut", after: 200_000 });
    const folder = await resolveTransformer();
    expect(readFileSync(join(folder, weightFile)).equals(weights)).toBe(true);
    const ranges = server.requests
      .filter(({ host }) => host === "storage")
      .map(({ range }) => range);
    expect(ranges).toEqual([undefined, "bytes=200000-"]);
  });

  it("goes on where a process was killed, and takes over its lock", async () => {
    const large = Buffer.alloc(9_000_000, weights);
    const { server, model } = await testHub({ ...modelFiles, [weightFile]: large });
    server.faults.push({ path: weightFile, kind: "stall", after: 8_000_000 });
    const incomplete = (): number | undefined => {
      const blobs = existsSync(model) ? treeOf(model) : {};
      return Object.entries(blobs).find(([path]) => path.endsWith(".incomplete"))?.[1].length;
    };
    const killed = await runChild(child, {
      args,
      onOutput: async (process) => {
        await vi.waitUntil(() => (incomplete() ?? 0) > 1_000_000, {
          timeout: 30_000,
          interval: 20,
        });
        process.kill("SIGKILL");
      },
    });
    expect(killed.signal).toBe("SIGKILL");
    const kept = incomplete();
    expect(kept).toBeGreaterThan(1_000_000);
    server.requests.length = 0;
    const folder = await resolveTransformer();
    expect(server.requests.at(-1)?.range).toBe(`bytes=${kept}-`);
    expect(readFileSync(join(folder, weightFile)).equals(large)).toBe(true);
    expect(incomplete()).toBeUndefined();
  });

  it("starts again where the server knows no ranges", async () => {
    const { server } = await testHub();
    server.hasRanges = false;
    server.faults.push({ path: weightFile, kind: "cut", after: 200_000 });
    const folder = await resolveTransformer();
    expect(readFileSync(join(folder, weightFile)).equals(weights)).toBe(true);
  });

  it("starts again where the bytes of before were bad", async () => {
    const { server, model } = await testHub();
    const folder = await resolveTransformer();
    const [blob = ""] = Object.keys(treeOf(join(model, "blobs"))).filter(
      (etag) => etag.length === 64,
    );
    rmSync(join(folder, weightFile));
    rmSync(join(model, "blobs", blob));
    writeFileSync(join(model, "blobs", `${blob}.pixart.incomplete`), Buffer.alloc(1000, "bad"));
    await resolveTransformer();
    expect(readFileSync(join(folder, weightFile)).equals(weights)).toBe(true);
    expect(server.requests.slice(-2).map(({ range }) => range)).toEqual([undefined, undefined]);
  });

  it("refuses wrong bytes, and keeps none of them", async () => {
    const { server, model } = await testHub();
    server.faults.push({ path: weightFile, kind: "corrupt" });
    await expect(resolveTransformer()).rejects.toThrow(
      /^transformer\/diffusion_pytorch_model\.safetensors: expected 600000 bytes with the hash [0-9a-f]{64} but received different ones, which were discarded; try again$/,
    );
    server.faults.push({ path: "transformer/config.json", kind: "corrupt" });
    rmSync(model, { recursive: true });
    await expect(resolveTransformer()).rejects.toThrow(
      /^transformer\/config\.json: expected 13 bytes with the hash [0-9a-f]{40} but/,
    );
    expect(treeOf(model)).toEqual({});
  });

  it("replaces a blob that is too short", async () => {
    const { model } = await testHub();
    const folder = await resolveTransformer();
    const [blob = ""] = Object.keys(treeOf(join(model, "blobs"))).filter(
      (etag) => etag.length === 64,
    );
    writeFileSync(join(model, "blobs", blob), "short");
    rmSync(join(folder, "transformer/config.json")); // so that the listing is looked at
    await resolveTransformer();
    expect(statSync(join(folder, weightFile)).size).toBe(weights.length);
  });

  it("happens once for many who want it at the same time", async () => {
    const { server } = await testHub();
    const [folder, ...others] = await Promise.all([
      resolveTransformer(),
      resolveTransformer(),
      runChild(child, { args }).then(({ stdout }) => stdout.trim()),
      runChild(child, { args }).then(({ stdout }) => stdout.trim()),
    ]);
    expect(others).toEqual([folder, folder, folder]);
    expect(server.log("storage")).toEqual(["GET /bucket"]);
  });

  it("says on stderr what it brought, unless told not to", async () => {
    const { model, talk } = await testHub();
    await resolveTransformer();
    expect(talk()).toBe(`transformer/config.json: 13 B\n${weightFile}: 600 kB\n`);
    rmSync(model, { recursive: true });
    vi.stubEnv("HF_HUB_DISABLE_PROGRESS_BARS", "1");
    await resolveTransformer();
    expect(talk().split("\n")).toHaveLength(3);
  });
});
