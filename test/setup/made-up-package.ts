import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { onTestFinished } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DYLIB = process.platform === "darwin" ? "dylib" : "so";
/** What set-up and the programs that it starts need from the PATH, but python3 and npm. */
const TOOLS = ["node", "c++", "as", "ld", "cmake", "make", "sh", "uname", "cat", "mkdir", "chmod"];

/** Where nothing answers. */
const NOWHERE = "http://127.0.0.1:9";

export const DARWIN: boolean = process.platform === "darwin";

/** A folder that is deleted when the test ends. */
export function temporaryFolder(): string {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "pixart-setup-")));
  onTestFinished(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

export function write(file: string, text: string, mode = 0o644): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text, { mode });
}

/** A folder that looks like a torch package of this version, with empty libraries to link with. */
export function madeUpTorch(
  version = "2.13.0+cpu",
  libraries: Record<string, string> = {},
): string {
  const folder = temporaryFolder();
  write(
    path.join(folder, "version.py"),
    `debug = False\n__version__ = '${version}'\ncuda = None\n`,
  );
  write(path.join(folder, "include", "ATen", "ATen.h"), "");
  const sources = { torch: "", torch_cpu: "", c10: "", ...libraries };
  for (const [name, source] of Object.entries(sources)) {
    const file = `lib${name}.${DYLIB}`;
    const output = path.join(folder, "lib", file);
    write(`${output}.cc`, source);
    const kind = DARWIN ? ["-dynamiclib", "-install_name", `@rpath/${file}`] : ["-shared", "-fPIC"];
    execFileSync("c++", [...kind, `${output}.cc`, "-o", output]);
  }
  return folder;
}

/** An addon of one string, exported as `answer`. */
export const addonSource = (answer: string): string => `#include <node_api.h>
NAPI_MODULE_INIT() {
  napi_value text;
  napi_create_string_utf8(env, "${answer}", NAPI_AUTO_LENGTH, &text);
  napi_set_named_property(env, exports, "answer", text);
  return exports;
}
`;

export interface SetupResult {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  /** Without the prefix that every line of set-up's own has. */
  readonly said: string[];
  readonly milliseconds: number;
}

/** A copy of the package, in node_modules where asked for, with a small addon, in an environment of its own. */
export class MadeUpPackage {
  readonly folder: string;
  /** What outlives the package. */
  readonly cache: string = temporaryFolder();
  readonly #bin: string = temporaryFolder();

  constructor({ installed = false } = {}) {
    this.folder = installed
      ? path.join(temporaryFolder(), "node_modules", "pixart")
      : temporaryFolder();
    for (const part of ["scripts", "CMakeLists.txt", "package.json"]) this.copy(part);
    fs.symlinkSync(path.join(ROOT, "node_modules"), this.path("node_modules"));
    this.write("native/addon.cc", addonSource("first"));
    for (const tool of TOOLS) {
      const found = execFileSync("sh", ["-c", `command -v ${tool}`], { encoding: "utf8" }).trim();
      fs.symlinkSync(tool === "node" ? process.execPath : found, path.join(this.#bin, tool));
    }
  }

  path(...parts: string[]): string {
    return path.join(this.folder, ...parts);
  }

  write(file: string, text: string): void {
    write(this.path(file), text);
  }

  /** Takes a file of this project. */
  copy(part: string): void {
    fs.cpSync(path.join(ROOT, part), this.path(part), { recursive: true });
  }

  /** Takes tools off the PATH. */
  without(...tools: string[]): this {
    for (const tool of tools) fs.rmSync(path.join(this.#bin, tool));
    return this;
  }

  /** Puts a shell script on the PATH. */
  withTool(tool: string, script: string): this {
    write(path.join(this.#bin, tool), `#!/bin/sh\n${script}\n`, 0o755);
    return this;
  }

  async setUp(
    options: {
      args?: string[];
      torch?: string;
      nodeArgs?: string[];
      torchIndex?: string;
      proxy?: string;
    } = {},
  ): Promise<SetupResult> {
    const { args = [], torch, nodeArgs = [], torchIndex = NOWHERE, proxy } = options;
    const start = performance.now();
    const { exitCode, stdout, stderr } = await execa(
      process.execPath,
      [...nodeArgs, this.path("scripts", "setup.mjs"), ...args],
      {
        env: {
          PATH: this.#bin,
          PIXART_CACHE: this.cache,
          PIXART_TORCH_INDEX: torchIndex,
          ...(torch === undefined ? {} : { PIXART_LIBTORCH: torch }),
          ...(proxy === undefined ? {} : { http_proxy: proxy }),
        },
        extendEnv: false,
        reject: false,
        timeout: 100_000,
      },
    );
    const said = stderr.split("\n").map((line) => line.replace(/^pixart set-up: /, ""));
    return { exitCode, stdout, said, milliseconds: performance.now() - start };
  }

  /** What the addon in build/ answers, asked in a new process. */
  async answer(script = "addon.answer"): Promise<string> {
    const addon = JSON.stringify(this.path("build", "pixart.node"));
    const { stdout } = await execa(process.execPath, [
      "-e",
      `const addon = require(${addon}); console.log(${script});`,
    ]);
    return stdout;
  }
}
