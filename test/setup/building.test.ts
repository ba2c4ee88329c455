import fs from "node:fs";
import { describe, expect, it } from "vitest";
import { addonSource, DARWIN, MadeUpPackage, madeUpTorch, write } from "./made-up-package.ts";

const building = (line: string): boolean => line.startsWith("Building the addon against libtorch ");

describe("an installed package", () => {
  it("builds the addon once, and again only when a source or libtorch changes", async () => {
    const made = new MadeUpPackage();
    const torch = madeUpTorch("2.12.1+cu130");

    const first = await made.setUp({ torch });
    expect(first.said).toEqual([
      "Building the addon against libtorch 2.12.1+cu130 of PIXART_LIBTORCH: a minute or two.",
      "Done.",
    ]);
    expect(first).toMatchObject({ exitCode: 0, stdout: "" });
    expect(await made.answer()).toBe("first");
    expect(JSON.parse(fs.readFileSync(made.path("build/stamp.json"), "utf8"))).toMatchObject({
      torch: { folder: torch, version: "2.12.1+cu130", source: "PIXART_LIBTORCH" },
    });

    const second = await made.setUp({ torch });
    expect(second).toMatchObject({ exitCode: 0, said: ["Nothing is missing."] });
    expect(second.milliseconds).toBeLessThan(2000);

    made.write("native/addon.cc", addonSource("second"));
    expect((await made.setUp({ torch })).said.some(building)).toBe(true);
    expect(await made.answer()).toBe("second");

    write(`${torch}/version.py`, "__version__ = '2.12.2'\n");
    expect((await made.setUp({ torch })).said.some(building)).toBe(true);

    fs.rmSync(made.path("build/pixart.node"));
    expect((await made.setUp({ torch })).said.some(building)).toBe(true);
    expect(await made.answer()).toBe("second");
  });

  it("shows the compiler's reason and leaves no stamp of a finished build", async () => {
    const made = new MadeUpPackage();
    const torch = madeUpTorch();
    made.write("native/broken.cc", "int unused_parameter(int parameter) { return 0; }\n");
    const { exitCode, said } = await made.setUp({ torch });
    expect(said.join("\n")).toMatch(/native\/broken\.cc:1.*-Werror/s);
    expect(said.at(-1)).toBe("The addon could not be built; the reason is above.");
    expect(exitCode).toBe(1);
    expect(fs.existsSync(made.path("build/stamp.json"))).toBe(false);
  });

  it.skipIf(DARWIN)("loads libtorch's CUDA library, though nothing calls into it", async () => {
    const made = new MadeUpPackage();
    const torch = madeUpTorch("2.13.0+cu130", {
      c10_cuda: "",
      torch_cuda: `#include <cstdlib>
        __attribute__((constructor)) static void registers() { setenv("CUDA_BACKEND", "registered", 1); }`,
    });
    expect((await made.setUp({ torch })).exitCode).toBe(0);
    expect(await made.answer("process.env.CUDA_BACKEND")).toBe("registered");
  });

  it("takes the torch of the python3 on the PATH, and passes over an unsupported one", async () => {
    // This python3 has torch but can't make an environment for the project's own copy.
    const torch = madeUpTorch();
    const python = `case "$2" in *find_spec*) echo ${torch};; *) exit 1;; esac`;
    const made = new MadeUpPackage().without("cmake").withTool("python3", python);
    expect((await made.setUp()).said[0]).toMatch(/^Missing: CMake; /);

    write(`${torch}/version.py`, "__version__ = '2.5.0'\n");
    expect((await made.setUp()).said).toEqual([
      "Passing over the torch of the python3 on the PATH, which holds libtorch 2.5.0 (supported: 2.11 to 2.13).",
      expect.stringMatching(/^Missing: CMake, Python 3 with venv and pip; /),
    ]);
  });

  it("builds with Ninja where there is no make", async () => {
    const made = new MadeUpPackage().without("make", "cmake").withTool("ninja", "exit 0");
    made.withTool("cmake", `echo "$@" >> cmake-called`);
    const { exitCode, said } = await made.setUp({ torch: madeUpTorch() });
    expect(said.at(-1)).toBe("Done.");
    expect(exitCode).toBe(0);
    expect(fs.readFileSync(made.path("cmake-called"), "utf8")).toContain(" -G Ninja ");
  });

  it("lets a second set-up wait for the first", async () => {
    const made = new MadeUpPackage();
    const torch = madeUpTorch();
    const runs = await Promise.all([made.setUp({ torch }), made.setUp({ torch })]);
    expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    const said = runs.flatMap((run) => run.said);
    expect(said.filter(building)).toHaveLength(1);
    expect(said.filter((line) => line.startsWith("Waiting for another set-up"))).toHaveLength(1);
    expect(said.filter((line) => line === "Nothing is missing.")).toHaveLength(1);
    expect(fs.readdirSync(made.path(".pixart"))).toEqual([]);
  });

  it("takes over from a set-up that was killed", async () => {
    const made = new MadeUpPackage();
    // No process has a number above 2^22.
    made.write(".pixart/setup.lock/99999999", "");
    const { said } = await made.setUp({ torch: "/no/such/folder" });
    expect(said).toEqual([expect.stringMatching(/^PIXART_LIBTORCH is /)]);
    expect(fs.readdirSync(made.path(".pixart"))).toEqual([]);
  });
});

describe("a checkout", () => {
  /** With a lockfile and sources, and an npm that notes how it was called. */
  function checkout(): MadeUpPackage {
    const made = new MadeUpPackage();
    made.write("src/index.ts", "export const one: number = 1;\n");
    made.write("src/index.test.ts", "throw new Error('not compiled');\n");
    made.write("page/index.html", "");
    made.copy("tsconfig.build.json");
    made.write("tsconfig.json", '{ "compilerOptions": { "lib": ["ES2023"], "types": [] } }');
    made.write("package-lock.json", "{}");
    made.write("scripts/bundle-program.mjs", "");
    // The project's own is for rooms that this one lacks.
    made.write(
      "scripts/bundle.mjs",
      `import fs from "node:fs";
       const bundle = new URL("../dist/bundle/", import.meta.url);
       fs.mkdirSync(bundle, { recursive: true });
       fs.copyFileSync(new URL("../index.js", bundle), new URL("main.js", bundle));`,
    );
    return made;
  }

  it("installs the packages of a newer lockfile without running their scripts", async () => {
    const made = checkout().withTool("npm", `echo "$@" > npm-called; exit 1`);
    const { exitCode, said } = await made.setUp({ torch: madeUpTorch() });
    expect(said).toEqual([
      "Installing the npm packages of package-lock.json.",
      "npm could not install the packages; its reason is above.",
    ]);
    expect(exitCode).toBe(1);
    expect(fs.readFileSync(made.path("npm-called"), "utf8")).toMatch(/^ci --ignore-scripts /);
  });

  it("compiles src/ once, and again only when a source changes", async () => {
    const made = checkout();
    const torch = madeUpTorch();
    fs.utimesSync(made.path("package-lock.json"), 0, 0);
    const compiling = "Compiling src/ into dist/.";
    expect((await made.setUp({ torch })).said).toContain(compiling);
    expect(fs.readdirSync(made.path("dist")).filter((file) => file.endsWith(".js"))).toEqual([
      "index.js",
    ]);

    made.write("src/index.test.ts", "");
    expect((await made.setUp({ torch })).said).toEqual(["Nothing is missing."]);

    made.write("src/index.ts", "export const one: number = 2;\n");
    expect((await made.setUp({ torch })).said).toEqual([compiling, "Done."]);
    expect(fs.readFileSync(made.path("dist/bundle/main.js"), "utf8")).toContain("one = 2");

    fs.rmSync(made.path("dist/bundle"), { recursive: true });
    expect((await made.setUp({ torch })).said).toEqual([compiling, "Done."]);

    made.write("src/index.ts", "export const one: number = 'three';\n");
    const { exitCode, said } = await made.setUp({ torch });
    expect(said.join("\n")).toContain("src/index.ts(1,14): error TS2322");
    expect(said.at(-1)).toBe("src/ could not be compiled; the reason is above.");
    expect(exitCode).toBe(1);
  });

  it("--test installs the parity packages beside the pinned torch, once", async () => {
    const made = new MadeUpPackage();
    const torch = madeUpTorch();
    // A python3 whose environments' python notes what pip is asked for, and then has it.
    const python = `case "$*" in
        *"pip install"*) shift 4; echo "$@" > installed;;
        *requests.head*) exit 1;;
        *metadata*) [ -e installed ];;
      esac`;
    made.withTool(
      "python3",
      `case "$*" in
        "-m venv"*) mkdir -p "$4/bin"; cat > "$4/bin/python" <<'END'
#!/bin/sh
${python}
END
        chmod +x "$4/bin/python";;
        *python_version*) echo 3.12.1;;
      esac`,
    );
    const { exitCode, said } = await made.setUp({ torch, args: ["--test"] });
    expect(said).toContain("Making a Python environment in .pixart/python.");
    expect(exitCode).toBe(0);
    const installed = fs.readFileSync(made.path("installed"), "utf8").trim().split(" ");
    expect(installed[0]).toBe("torch==2.13.0");
    expect(installed).toContain("diffusers==0.42.1");
    expect(installed.every((name) => /^[\w-]+==[\d.]+$/.test(name))).toBe(true);

    expect((await made.setUp({ torch, args: ["--test"] })).said).toEqual(["Nothing is missing."]);
  });
});
