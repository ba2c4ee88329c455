import fs from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { execa } from "execa";
import { describe, expect, it, onTestFinished } from "vitest";
import { ProxyServer } from "../fixtures/proxy-server.ts";
import { pythonPath } from "../parity/python.ts";
import { addonSource, DARWIN, MadeUpPackage, madeUpTorch } from "./made-up-package.ts";

const COMPILERS = ["cmake", "c++", "make"];
const TAKING = /^Taking the addon that comes with the package, for libtorch 2\.13\./;

/** An installed package with an addon in prebuilt/, on a machine without a compiler. */
async function withPrebuilt(torch: string): Promise<MadeUpPackage> {
  const made = new MadeUpPackage({ installed: true });
  await execa(process.execPath, [made.path("scripts", "prebuild.mjs"), torch]);
  return made.without(...COMPILERS);
}

describe.skipIf(DARWIN)("a prebuilt addon", () => {
  it("is taken where there is no compiler, and kept as one that was built", async () => {
    const torch = madeUpTorch();
    const made = await withPrebuilt(torch);
    // Another place than it was made for, of the same minor release.
    const moved = madeUpTorch("2.13.1+cpu");
    const { said } = await made.setUp({ torch: moved });
    expect(said).toEqual([expect.stringMatching(TAKING), "Done."]);
    expect(await made.answer()).toBe("first");
    expect((await made.setUp({ torch: moved })).said).toEqual(["Nothing is missing."]);

    fs.rmSync(made.path("build"), { recursive: true });
    fs.rmSync(made.path("prebuilt"), { recursive: true });
    expect((await made.setUp({ torch: moved })).said[0]).toMatch(
      /^Taking the addon that an earlier/,
    );
    expect(await made.answer()).toBe("first");
  });

  it.each([
    { name: "libtorch has parts for CUDA", torch: () => madeUpTorch("2.13.0", { torch_cuda: "" }) },
    { name: "libtorch is of another release", torch: () => madeUpTorch("2.12.0+cpu") },
  ])("is passed over where $name", async ({ torch }) => {
    const made = await withPrebuilt(madeUpTorch());
    const { said, exitCode } = await made.setUp({ torch: torch() });
    expect(said[0]).toMatch(/^Missing: a C\+\+ compiler, CMake, make; /);
    expect(exitCode).toBe(1);
  });

  it("is passed over where the sources are others", async () => {
    const torch = madeUpTorch();
    const made = await withPrebuilt(torch);
    made.write("native/addon.cc", addonSource("second"));
    expect((await made.setUp({ torch })).said[0]).toMatch(/^Missing: a C\+\+ compiler/);
  });

  it("is built where it does not load", async () => {
    const torch = madeUpTorch();
    const made = new MadeUpPackage({ installed: true });
    await execa(process.execPath, [made.path("scripts", "prebuild.mjs"), torch]);
    const addon = made.path("prebuilt", `linux-${process.arch}`, "torch-2.13", "pixart.node");
    fs.truncateSync(addon, 1000);
    const { said } = await made.setUp({ torch });
    expect(said).toEqual([
      expect.stringMatching(TAKING),
      expect.stringMatching(/^It does not load here: ./),
      expect.stringMatching(/^Building the addon/),
      "Done.",
    ]);
    expect(await made.answer()).toBe("first");
  });

  it("needs no compiler on the way to a libtorch of its own either, also behind a proxy", async () => {
    const torch = madeUpTorch();
    const made = await withPrebuilt(torch);
    const packages = path.join(made.cache, "python", "lib", "python3.12", "site-packages");
    made.withTool(
      "python3",
      `case "$*" in
        "-m venv"*) mkdir -p "$4/bin"; cat > "$4/bin/python" <<'END'
#!/bin/sh
case "$*" in
  *"pip install"*)
    echo "$@" > installed
    mkdir -p ${packages}/torch-2.13.0.dist-info
    : > ${packages}/torch-2.13.0.dist-info/RECORD
    /bin/cp -r ${torch} ${packages}/torch;;
  *requests.head*) exec ${pythonPath()} "$@";;
esac
END
        chmod +x "$4/bin/python";;
        *python_version*) echo 3.12.1;;
      esac`,
    );
    const index = createServer((_, answer) => answer.end());
    await new Promise<void>((listening) => index.listen(0, "127.0.0.1", listening));
    await using proxy = await ProxyServer.start();
    onTestFinished(() => void index.close());
    // Only the proxy knows its name.
    const torchIndex = `http://index.invalid:${(index.address() as AddressInfo).port}/whl`;
    const { said, exitCode } = await made.setUp({ torchIndex, proxy: proxy.host });
    expect(proxy.requests).toEqual([`HEAD ${torchIndex}`]);
    expect(said).toEqual([
      expect.stringMatching(/^Making a Python environment in /),
      expect.stringMatching(/^Installing torch==2\.13\.0 into .*; torch for the CPU is 0\.2 GB\.$/),
      expect.stringMatching(TAKING),
      "Done.",
    ]);
    expect(exitCode).toBe(0);
    expect(fs.readFileSync(made.path("installed"), "utf8")).toBe(
      `-m pip install --quiet --extra-index-url ${torchIndex} torch==2.13.0\n`,
    );
    expect(await made.answer()).toBe("first");
  });
});
