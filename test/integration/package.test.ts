import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RgbImage, readPictureMetadata } from "../../src/images/index.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "pixart-package-"));
const project = join(folder, "project");

/** The libtorch that set-up found for this checkout: the same one serves the packed copy, without a second download. */
const libtorch = (): string => {
  const stamp = JSON.parse(readFileSync(join(ROOT, "build", "stamp.json"), "utf8"));
  return stamp.torch.folder;
};

const run = (command: string, args: readonly string[], env: Record<string, string> = {}) =>
  execa(command, [...args], {
    cwd: project,
    env: { PIXART_LIBTORCH: libtorch(), PIXART_CACHE: join(folder, "cache"), ...env },
  });

beforeAll(async () => {
  mkdirSync(project);
  writeFileSync(
    join(project, "package.json"),
    '{ "name": "user", "type": "module", "private": true }',
  );
  await execa("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], { cwd: ROOT });
  const archive = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "";
  await run("npm", [
    "install",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
    join(folder, archive),
  ]);
  await run("npx", ["pixart", "setup"]);
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true }));

it("the packed package, installed and set up elsewhere, runs the README's library example", async () => {
  cpSync(join(ROOT, "examples", "draw.ts"), join(project, "draw.ts"));
  await run("npx", ["tsx", "draw.ts"]);
  expect(readdirSync(project).filter((name) => name.endsWith(".png"))).toHaveLength(1);
});

it("draws in a worker, also after a clean install has removed what set-up built", async () => {
  writeFileSync(
    join(project, "worker.ts"),
    `import { PixArtAlphaPipeline } from "pixart";
import { RgbImage } from "pixart/images";
import { PixArtTransformer2DModel } from "pixart/models";
import { schedulerNamed } from "pixart/schedulers";
await using there = await PixArtAlphaPipeline.inWorker("emoji-demo", { scheduler: "euler" });
const here = await PixArtAlphaPipeline.fromPretrained("emoji-demo");
here.scheduler = schedulerNamed("euler", here.scheduler.toConfig());
const options = { numInferenceSteps: 3, seed: 0 };
const [a, b] = await Promise.all([there("a fox", options), here("a fox", options)]);
const [ours, theirs] = [a, b].map(({ images: [image] }) => image);
console.log(
  Buffer.compare(ours?.data ?? Buffer.of(0), theirs?.data ?? Buffer.of(1)),
  ours instanceof RgbImage,
  here.transformer instanceof PixArtTransformer2DModel,
);
`,
  );
  rmSync(join(project, "node_modules", "pixart", "build"), { recursive: true });
  const { stdout } = await run("npx", ["tsx", "worker.ts"]);
  expect(stdout).toBe("0 true true");
  expect((await run("npx", ["pixart", "setup"])).stderr).toMatch(/Taking the addon.*\n.*Done\.$/);
});

it("draws with a fine-tuned transformer, an autoencoder of its own and an adapter", async () => {
  cpSync(join(ROOT, "examples", "pokemon.ts"), join(project, "pokemon.ts"));
  const model = join("node_modules", "pixart", "models", "emoji-small");
  writeFileSync(
    join(project, "adapter.ts"),
    `import { addAdapter, PixArtTransformer2DModel } from "pixart";
const transformer = await PixArtTransformer2DModel.fromPretrained(${JSON.stringify(model)}, { subfolder: "transformer" });
const options = { peftType: "LORA", targetModules: ["to_q", "to_v"], initLoraWeights: false } as const;
await addAdapter(transformer, options).save("adapter");
`,
  );
  await run("npx", ["tsx", "adapter.ts"]);
  const draw = async (...adapter: string[]): Promise<RgbImage> => {
    const parts = [model, model, join(model, "vae"), ...adapter];
    await run("npx", ["tsx", "pokemon.ts", ...parts], { SIZE: "64", STEPS: "4" });
    return RgbImage.decode(join(project, "demo.png"));
  };
  const [plain, adapted] = [await draw(), await draw("adapter")];
  expect([plain.width, plain.height]).toEqual([64, 64]);
  expect(await readPictureMetadata(join(project, "demo.png"))).toMatchObject({
    prompt: "yoda pokemon",
    steps: 4,
    seed: 0,
  });
  expect(adapted.data).not.toEqual(plain.data);
});

it("offers the engine to a user's own code", async () => {
  cpSync(join(ROOT, "examples", "engine.ts"), join(project, "engine.ts"));
  const { stdout } = await run("npx", ["tsx", "engine.ts"]);
  expect(stdout).toMatch(/loss/);
});

it("loads a user's config that imports pixart/config", async () => {
  writeFileSync(
    join(project, "own.ts"),
    'import { defineConfig } from "pixart/config";\nimport demo from "./node_modules/pixart/configs/emoji_demo.ts";\nexport default defineConfig({ ...demo, seed: 5 });\n',
  );
  const { stdout } = await run("npx", ["pixart", "config", "own.ts"]);
  expect(JSON.parse(stdout)).toMatchObject({ name: "own", seed: 5 });
});

it("holds a lock with the beat of its own thread", async () => {
  const source = join(project, "node_modules", "pixart", "dist", "files", "locks");
  writeFileSync(
    join(project, "lock.mjs"),
    `import { statSync } from "node:fs";
import { FileLock } from ${JSON.stringify(join(source, "file-lock.js"))};
import { BEAT_MS } from ${JSON.stringify(join(source, "lock-beat.js"))};
const lock = await FileLock.acquire("a.lock", { waitsFor: () => false });
const before = statSync("a.lock").mtimeMs;
const end = Date.now() + 4 * BEAT_MS;
while (statSync("a.lock").mtimeMs === before && Date.now() < end)
  await new Promise((later) => setTimeout(later, 100));
console.log(statSync("a.lock").mtimeMs > before ? "beats" : "stands still");
lock.release();
`,
  );
  expect((await run("node", ["lock.mjs"])).stdout).toBe("beats");
});

it("has in its bundle whatever a module runs from beside itself", () => {
  const named = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"))
    .flatMap((name) => {
      const text = readFileSync(join(ROOT, "src", name), "utf8");
      return [...text.matchAll(/new URL\(\s*["`]\.\/([\w-]+)/g)].map(([, file]) => file);
    });
  expect([...new Set(named)].toSorted()).toEqual([
    "check-process",
    "config",
    "drawing-process",
    "index",
    "lock-beat-worker",
    "main",
    "parquet-worker",
    "pipeline-worker",
    "prove-resume-process",
    "resample-worker",
  ]);
  const bundle = readdirSync(join(project, "node_modules", "pixart", "dist", "bundle"));
  expect(bundle).toEqual(expect.arrayContaining(named.map((name) => `${name}.js`)));
});

it("compiles every source to a file of its own", () => {
  const sources = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.[jt]s$/.test(name))
    .map((name) => name.replace(/\.[jt]s$/, ""));
  expect(sources.filter((name, i) => sources.indexOf(name) !== i)).toEqual([]);
});

it("ships what it needs and nothing of the tests", () => {
  const installed = join(project, "node_modules", "pixart");
  for (const name of [
    "dist",
    "native",
    "CMakeLists.txt",
    "configs",
    "models",
    "docs/index.md",
    "docs/pictures",
    "examples/draw.ts",
    "LICENSE",
    "NOTICE.md",
  ]) {
    expect(existsSync(join(installed, name)), name).toBe(true);
  }
  for (const name of ["src", "test", "bench", "docs/api", "docs/.vitepress"])
    expect(existsSync(join(installed, name)), name).toBe(false);
  // They would name sources that are not there.
  const maps = readdirSync(join(installed, "dist"), { recursive: true, encoding: "utf8" }).filter(
    (name) => name.endsWith(".map"),
  );
  expect(maps).toEqual([]);
});
