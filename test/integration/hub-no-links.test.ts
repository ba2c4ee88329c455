import { existsSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { type ResolvedFiles, resolveFiles, resolveModel } from "../../src/hub/index.ts";
import { modelFiles, name, testHub, transformerFiles, treeOf, weights } from "./hub-fixture.ts";

// A file system such as exFAT or VirtualBox's shared folders, which has no symbolic links.
const disk = vi.hoisted(() => ({ refusal: "" }));
vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof import("node:fs/promises")>();
  const symlink: typeof fs.symlink = async (...args) => {
    const code = disk.refusal;
    if (code !== "") throw Object.assign(new Error(`${code}: symlink`), { code });
    await fs.symlink(...args);
  };
  return { ...fs, symlink };
});
beforeEach(() => {
  disk.refusal = "EPERM";
});

const weightFile = "transformer/diffusion_pytorch_model.safetensors";
const resolveTransformer = (revision?: string): Promise<string> =>
  resolveModel(name, { revision, files: transformerFiles });
const resolveAll = (): Promise<ResolvedFiles> =>
  resolveFiles({ type: "dataset", name }, { choose: (paths) => paths });

describe("a cache without links", () => {
  it.each(["EPERM", "EROFS", "EPROTO", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"])(
    "has the files themselves in a revision's folder, once (%s)",
    async (code) => {
      const { server, commit, model } = await testHub();
      disk.refusal = code;
      const folder = await resolveTransformer();
      expect(treeOf(model)).toEqual({
        "refs/main": commit,
        [`snapshots/${commit}/transformer/config.json`]: modelFiles["transformer/config.json"],
        [`snapshots/${commit}/${weightFile}`]: weights.toString(),
      });
      server.requests.length = 0;
      expect(await resolveTransformer(commit)).toBe(folder);
      vi.stubEnv("HF_HUB_OFFLINE", "1");
      expect(await resolveTransformer()).toBe(folder);
      expect(server.requests).toEqual([]);
      vi.stubEnv("HF_HUB_OFFLINE", undefined);
      expect(await resolveTransformer()).toBe(folder);
      expect(server.log("hub")).toEqual([`GET /api/models/${name}/revision/main`]);
    },
  );

  it("downloads once for several who want it at the same time", async () => {
    const { server } = await testHub();
    const [one, other] = await Promise.all([resolveTransformer(), resolveTransformer()]);
    expect(one).toBe(other);
    expect(server.log("storage")).toEqual(["GET /bucket"]);
  });

  it("copies what a revision with links has, and leaves that as it is", async () => {
    disk.refusal = "";
    const { server, commit, model } = await testHub();
    const linked = await resolveTransformer();
    const blobs = readdirSync(join(model, "blobs"));
    disk.refusal = "EPERM";
    server.commit({ ...modelFiles, "transformer/config.json": "{}" });
    server.requests.length = 0;
    const folder = await resolveTransformer();
    expect(server.log("storage")).toEqual([]);
    expect(lstatSync(join(folder, weightFile)).isFile()).toBe(true);
    expect(readFileSync(join(folder, weightFile)).equals(weights)).toBe(true);
    expect(readdirSync(join(model, "blobs"))).toEqual(blobs);
    expect(readdirSync(join(folder, "transformer"))).toHaveLength(2);
    expect(await resolveTransformer(commit)).toBe(linked);
    expect(readFileSync(join(linked, weightFile)).equals(weights)).toBe(true);
  });

  it("has a content of two names twice, and downloads it once", async () => {
    const files = { "a.parquet": "same", "b.parquet": "same" };
    const { server, model } = await testHub(files, "dataset");
    const { folder } = await resolveAll();
    expect(treeOf(folder)).toEqual(files);
    expect(server.log("storage")).toEqual(["GET /bucket"]);
    expect(readdirSync(join(model, "blobs"))).toEqual([]);
  });

  it("goes on with what is missing, and shows only that", async () => {
    const files = { "a.parquet": "one", "b.parquet": "other" };
    const { server, talk } = await testHub(files, "dataset");
    server.faults.push({ path: "b.parquet", kind: "corrupt" });
    await expect(resolveAll()).rejects.toThrow("b.parquet: expected 5 bytes with the hash");
    server.requests.length = 0;
    expect(treeOf((await resolveAll()).folder)).toEqual(files);
    expect(server.log("storage")).toEqual(["GET /bucket"]);
    expect(talk()).toContain(`${name} at main, b.parquet: 5 B\n`);
  });

  it("is no excuse for one that may not be written", async () => {
    const { cache, model } = await testHub();
    disk.refusal = "EACCES";
    await expect(resolveTransformer()).rejects.toThrow(
      `${name}: the cache ${cache} cannot be written (EACCES); set HF_HUB_CACHE to a folder that you can write to`,
    );
    expect(existsSync(join(model, "refs"))).toBe(false);
  });
});
