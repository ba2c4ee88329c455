import fs from "node:fs";
import path from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { engineFolder } from "../../src/files/package/engine-folder.ts";
import { addonSource, MadeUpPackage, madeUpTorch } from "./made-up-package.ts";

afterEach(() => vi.unstubAllEnvs());

it("keeps the addon of an installed package, which a clean install removes", async () => {
  const made = new MadeUpPackage({ installed: true });
  vi.stubEnv("PIXART_CACHE", made.cache);
  const torch = madeUpTorch();
  expect(engineFolder(made.folder)).toBe(made.path("build"));
  expect((await made.setUp({ torch })).said.at(-1)).toBe("Done.");
  expect(engineFolder(made.folder)).toBe(made.path("build"));

  // As npm does. The engine is found without set-up, and set-up needs no compiler.
  fs.rmSync(made.path("build"), { recursive: true });
  const kept = engineFolder(made.folder);
  expect(path.dirname(kept)).toBe(made.cache);
  expect(fs.readdirSync(kept).toSorted()).toEqual(["pixart.node", "stamp.json"]);
  made.without("cmake", "c++", "make");
  expect((await made.setUp({ torch })).said).toEqual([
    `Taking the addon that an earlier set-up built, from ${kept}.`,
    "Done.",
  ]);
  expect(await made.answer()).toBe("first");
  expect((await made.setUp({ torch })).said).toEqual(["Nothing is missing."]);

  // Of other sources it is no use.
  fs.rmSync(made.path("build"), { recursive: true });
  made.write("native/addon.cc", addonSource("second"));
  expect((await made.setUp({ torch })).said[0]).toMatch(
    /^Missing: a C\+\+ compiler, CMake, make; /,
  );
});

it("leaves the cache alone in a checkout", async () => {
  const made = new MadeUpPackage();
  await made.setUp({ torch: madeUpTorch() });
  expect(fs.readdirSync(made.cache)).toEqual([]);
});
