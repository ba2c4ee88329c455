import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, vi } from "vitest";
import { readHubEnvironment } from "../../src/hub/environment.ts";
import { resolveModel } from "../../src/hub/index.ts";
import { runPython } from "../parity/python.ts";
import { modelFiles, name, testHub, transformerFiles, treeOf } from "./hub-fixture.ts";

// A file system with or without symbolic links; Python is told which it is.
const disk = vi.hoisted(() => ({ hasLinks: true }));
vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof import("node:fs/promises")>();
  const symlink: typeof fs.symlink = async (...args) => {
    if (!disk.hasLinks) throw Object.assign(new Error("EPERM: symlink"), { code: "EPERM" });
    await fs.symlink(...args);
  };
  return { ...fs, symlink };
});

interface Answer {
  readonly found: readonly string[];
  readonly downloaded: readonly string[];
  readonly snapshot: string;
  readonly pinned: string;
  readonly theirs: string;
  readonly environments: readonly (readonly [string, boolean, string])[];
}

const token = "hf_token";
const files = ["transformer/config.json", "transformer/diffusion_pytorch_model.safetensors"];
const parts = (model: string) =>
  ["blobs", "refs", "snapshots"].map((part) => treeOf(join(model, part)));

it.each([true, false])(
  "shares its cache with Python's huggingface_hub, both ways, where there are links: %s",
  async (hasLinks) => {
    disk.hasLinks = hasLinks;
    const { server, commit, cache, model } = await testHub();
    server.token = token;
    vi.stubEnv("HF_TOKEN", token);
    const folder = await resolveModel(name, { files: transformerFiles });
    const environments: Record<string, string>[] = [
      {},
      { HF_HOME: "~/models", HF_HUB_OFFLINE: "on" },
      { XDG_CACHE_HOME: "/scratch", HF_HUB_OFFLINE: "0" },
      { HF_HOME: "/a", HUGGINGFACE_HUB_CACHE: "/b", HF_HUB_OFFLINE: "nonsense" },
      { HF_HOME: "/a", HUGGINGFACE_HUB_CACHE: "/b", HF_HUB_CACHE: `$HOME/c/\${HOME}/$UNKNOWN` },
      { HF_ENDPOINT: "https://mirror.example/hub/" },
    ];
    const theirs = join(dirname(cache), "theirs");
    const answer = (await runPython(fileURLToPath(new URL("hub.py", import.meta.url)), {
      name,
      files,
      commit,
      ours: cache,
      theirs,
      token,
      endpoint: server.endpoint,
      hasLinks,
      environments,
    })) as Answer;

    // Offline, Python finds what was downloaded here.
    expect(answer.found).toEqual(files.map((file) => join(folder, file)));
    expect(answer.downloaded).toEqual(answer.found);
    expect([answer.snapshot, answer.pinned]).toEqual([folder, folder]);

    // From the same server it makes the same files and links, and they are found here, offline.
    const theirModel = join(
      theirs,
      readdirSync(theirs).find((entry) => entry.startsWith("models--")) ?? "",
    );
    expect(parts(theirModel)).toEqual(parts(model));
    expect(Object.keys(treeOf(join(model, "snapshots", commit))).length).toBeLessThan(
      Object.keys(modelFiles).length,
    );
    vi.stubEnv("HF_HUB_CACHE", theirs);
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    expect(await resolveModel(name, { files: transformerFiles })).toBe(answer.theirs);

    // The variables say the same to both.
    const read = environments.map((variables) => {
      const { cacheFolder, offlineBy, endpoint } = readHubEnvironment({
        HOME: process.env.HOME,
        ...variables,
      });
      return [cacheFolder, offlineBy !== undefined, endpoint];
    });
    expect(read).toEqual(answer.environments);
  },
);
