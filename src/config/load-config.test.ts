import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "./load-config.ts";

const base = `import { defineConfig } from "pixart/config";
export default defineConfig({
  dataset: { folder: "data" },
  transformer: { numLayers: 1, numAttentionHeads: 2, attentionHeadDim: 8 },
  stages: [{ kind: "autoencoder", name: "a", resolution: 32, batchSize: 4, steps: 10 as number, optimizer: { lr: 1e-3 } }],
  sampling: { prompts: ["a fox"] },
});
`;
const variant = `import { defineConfig } from "pixart/config";
import base from "./base.ts";
export default defineConfig({ ...base, seed: 7 });
`;

const home = process.cwd();
let folder: string;

const write = (file: string, text: string): string => {
  const path = join(folder, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pixart-config-"));
  process.chdir(folder);
});
afterEach(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

describe("loadConfig", () => {
  it("loads TypeScript that spreads a base, in a folder that knows nothing of this package", async () => {
    write("runs/base.ts", base);
    const config = await loadConfig(write("runs/fox.ts", variant));
    expect(config).toMatchObject({ name: "fox", seed: 7, workDir: "work_dirs/fox" });
    expect(config.stages[0]).toMatchObject({ steps: 10, klWeight: 1e-6 });
  });

  it("loads TypeScript in a CommonJS package", async () => {
    write("package.json", "{}");
    write("base.ts", base);
    expect(await loadConfig(write("fox.ts", variant))).toMatchObject({ seed: 7 });
  });

  it("loads JavaScript and JSON", async () => {
    const script = write("a.mjs", base.replace(" as number", ""));
    const config = await loadConfig(script);
    expect(config.name).toBe("a");
    const json = write("b.json", JSON.stringify({ ...config, name: "b" }));
    expect(await loadConfig(json)).toEqual({ ...config, name: "b" });
  });

  it("sees a file that has changed since", async () => {
    const path = write("a.ts", base);
    expect((await loadConfig(path)).seed).toBe(0);
    write("a.ts", base.replace("dataset:", "seed: 3, dataset:"));
    expect((await loadConfig(path)).seed).toBe(3);
  });

  it("finds a bare name in configs/, before the package's own of that name", async () => {
    write("configs/mine.ts", base);
    expect((await loadConfig("mine")).name).toBe("mine");
    expect((await loadConfig("emoji_demo")).stages).toHaveLength(3);
    write("configs/emoji_demo.ts", base);
    expect((await loadConfig("emoji_demo")).stages).toHaveLength(1);
  });

  it("changes what --cfg-options name", async () => {
    const path = write("a.ts", base);
    const config = await loadConfig(path, ["stages.0.steps=3", "sampling.prompts=[an owl,a fox]"]);
    expect(config.stages[0]?.steps).toBe(3);
    expect(config.sampling.prompts).toEqual(["an owl", "a fox"]);
    await expect(loadConfig(path, ["stages.0.step=3", "sede=1"])).rejects.toThrow(
      `${path}: 2 mistakes\n  Unknown key stages.0.step. Did you mean stages.0.steps?\n  Unknown key sede. Did you mean seed?`,
    );
  });
});

describe("loadConfig refuses", () => {
  it("a path with nothing there", async () => {
    write("configs/fox.ts", base);
    await expect(loadConfig("configs/foxx.ts")).rejects.toThrow(
      "configs/foxx.ts: Expected a config file but found nothing. Did you mean configs/fox.ts?",
    );
    await expect(loadConfig("elsewhere/a.ts")).rejects.toThrow(
      /^elsewhere\/a\.ts: Expected a config file but found nothing\.$/,
    );
  });

  it("a config of diffengine's, with where to go on", async () => {
    const advice =
      "Configs are TypeScript or JSON here: `pixart recipes` lists diffengine's under their names, and docs/from-diffengine.md has their keys.";
    await expect(loadConfig("pixart.py")).rejects.toThrow(
      `pixart.py: Expected a config file but found nothing. ${advice}`,
    );
    write("there.py", base);
    await expect(loadConfig("there.py")).rejects.toThrow(
      `but found a file ending in .py. ${advice}`,
    );
  });

  it("a name that no folder holds", async () => {
    write("configs/fox.ts", base);
    const what = "Expected a config of this name in configs/ or in the package but found none.";
    await expect(loadConfig("foxx")).rejects.toThrow(
      `foxx: ${what} Did you mean fox? Any other place needs a path.`,
    );
    const own = readdirSync(fileURLToPath(new URL("../../configs", import.meta.url)))
      .filter((name) => name.endsWith(".ts"))
      .map((name) => basename(name, ".ts"))
      .sort();
    await expect(loadConfig("zebra")).rejects.toThrow(
      `zebra: ${what} Any other place needs a path. Available:\n  fox\n  ${own.join("\n  ")}`,
    );
  });

  it("a folder, a pipe and a file of another kind", async () => {
    const extensions = ".ts, .mts, .js, .mjs, .json";
    write("configs/fox.ts", base);
    await expect(loadConfig("./configs")).rejects.toThrow(
      `./configs: Expected a file ending in ${extensions} but found a folder.`,
    );
    execFileSync("mkfifo", ["configs/pipe.json"]);
    await expect(loadConfig("./configs/pipe.json")).rejects.toThrow(
      `./configs/pipe.json: Expected a file ending in ${extensions} but found a device, pipe or socket.`,
    );
    await expect(loadConfig(write("a.py", ""))).rejects.toThrow(
      `a.py: Expected a file ending in ${extensions} but found a file ending in .py.`,
    );
  });

  it("a module without a default export", async () => {
    await expect(loadConfig(write("a.ts", "export const seed = 1;"))).rejects.toThrow(
      "a.ts: Expected `export default defineConfig({ … })` but found no default export.",
    );
  });

  it("a module that does not load", async () => {
    await expect(loadConfig(write("a.ts", "export default {"))).rejects.toThrow(
      /a\.ts: Expected a module that can be loaded but found: [\s\S]*found end of file/,
    );
    await expect(loadConfig(write("b.ts", 'throw new Error("no data");'))).rejects.toThrow(
      "b.ts: Expected a module that can be loaded but found: no data",
    );
  });

  it("a file that is no JSON", async () => {
    await expect(loadConfig(write("a.json", "{"))).rejects.toThrow(
      /a\.json: Expected JSON but found: .+\.$/,
    );
  });
});
