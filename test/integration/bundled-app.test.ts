import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const project = mkdtempSync(join(tmpdir(), "pixart-app-"));

const APP = `import { PixArtAlphaPipeline } from "pixart";
const pipe = await PixArtAlphaPipeline.fromPretrained("emoji-demo");
const inWorker = await PixArtAlphaPipeline.inWorker("emoji-demo");
for (const [name, draw] of Object.entries({ here: pipe, there: inWorker }))
  await (await draw("a fox, noto style", { numInferenceSteps: 2, seed: 0 })).images[0].save(name + ".png");
`;

beforeAll(() => {
  mkdirSync(join(project, "node_modules"));
  symlinkSync(ROOT, join(project, "node_modules", "pixart"));
  symlinkSync(join(ROOT, "node_modules", "sharp"), join(project, "node_modules", "sharp"));
  writeFileSync(join(project, "package.json"), '{ "name": "app", "type": "module" }');
  writeFileSync(join(project, "app.js"), APP);
});
afterAll(() => rmSync(project, { recursive: true }));

/** What docs/drawing.md says of a program that has the package inside. */
const INSIDE: BuildOptions = {
  external: ["sharp"],
  banner: {
    js: `import { createRequire as requireFrom } from "node:module";
const require = requireFrom(import.meta.url);
const __filename = import.meta.filename;`,
  },
};

describe("a program that esbuild bundled", () => {
  it.each<[string, BuildOptions]>([
    ["with packages outside", { packages: "external" }],
    ["with the package inside", INSIDE],
  ])("draws here and in a worker, and ends by itself: %s", async (name, options) => {
    const out = join(project, name.replaceAll(" ", "-"));
    await build({
      ...options,
      absWorkingDir: project,
      entryPoints: ["app.js"],
      outfile: join(out, "app.js"),
      bundle: true,
      format: "esm",
      platform: "node",
      logLevel: "error",
    });
    const { stderr } = await execa(process.execPath, ["app.js"], { cwd: out, timeout: 100_000 });
    expect(stderr).toBe("");
    const [here, there] = await Promise.all(
      ["here.png", "there.png"].map((file) => RgbImage.decode(join(out, file))),
    );
    expect(here?.width).toBe(64);
    expect(there?.data).toEqual(here?.data);
  });
});
