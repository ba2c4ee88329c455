import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type FuzzChild, type FuzzReport, fuzz } from "./fuzz.ts";
import type { Report } from "./sections.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** The addon that everything else uses. */
export const ADDON: string = join(ROOT, "build", "pixart.node");

/** Calls each function of the addon so often with arguments of all kinds; `sanitized` is one built with AddressSanitizer. */
export function callNative(calls: number, sanitized?: string): Promise<FuzzReport[]> {
  const names = Object.keys(createRequire(import.meta.url)(ADDON) as object);
  const jobs = names.map((reader) => ({ reader, first: 0, end: calls }));
  const child: FuzzChild = {
    script: new URL("native-calls.ts", import.meta.url),
    env: {
      PIXART_TESTED_ADDON: sanitized ?? ADDON,
      ...(sanitized === undefined ? {} : sanitizerVariables()),
    },
  };
  return fuzz(jobs, () => {}, child);
}

/** The sanitizer must be loaded before Node, which was built without. V8 keeps what it allocates: leaks are not looked for. */
function sanitizerVariables(): Record<string, string> {
  const library = execFileSync("cc", ["-print-file-name=libasan.so"], { encoding: "utf8" }).trim();
  return { LD_PRELOAD: library, ASAN_OPTIONS: "detect_leaks=0:allocator_may_return_null=1" };
}

/** Builds the addon with AddressSanitizer beside the usual one, against the same libtorch. */
function buildSanitized(folder: string): string {
  const cache = readFileSync(join(ROOT, "build", "CMakeCache.txt"), "utf8");
  const known = ["TORCH_DIR", "NODE_API_HEADERS"].map((name) => {
    const value = new RegExp(`^${name}:PATH=(.*)$`, "m").exec(cache)?.[1];
    if (value === undefined)
      throw new Error(`Expected ${name} in build/CMakeCache.txt: npm run setup`);
    return `-D${name}=${value}`;
  });
  const flags = "-O1 -g1 -fno-omit-frame-pointer -fsanitize=address -Wno-error";
  const build = ["-DCMAKE_BUILD_TYPE=None", `-DCMAKE_CXX_FLAGS=${flags}`];
  execFileSync("cmake", ["-S", ROOT, "-B", folder, "-G", "Unix Makefiles", ...known, ...build]);
  execFileSync("cmake", ["--build", folder, "--target", "pixart", "--parallel", "2"]);
  return join(folder, "pixart.node");
}

/** 1,000 calls of each function under AddressSanitizer. */
export async function callSanitized(): Promise<Report> {
  const calls = 1_000;
  const reports = await callNative(
    calls,
    buildSanitized(join(ROOT, "build", "reliability", "asan")),
  );
  const made = reports.reduce((sum, { files }) => sum + files, 0);
  return {
    tried: [`${made} calls of ${reports.length} functions of the addon under AddressSanitizer`],
    failures: reports.flatMap(({ reader, failures }) =>
      failures.map(({ seed, problem }) => `${reader}, seed ${seed}: ${problem}`),
    ),
  };
}
