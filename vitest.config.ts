import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";
import LongestFirst from "./test/longest-first.ts";
import { browserProgram } from "./test/page/browser.ts";
import tsconfig from "./tsconfig.json" with { type: "json" };

const { paths } = tsconfig.compilerOptions;

/** Those that look at the studio's page in a browser; its size is tested without one. */
const PAGE_TESTS = "test/page/!(size).test.ts";
const hasBrowser = browserProgram() !== undefined;
if (!hasBrowser) console.warn("No Chromium on the PATH: the studio's page is not looked at.");

export default defineConfig({
  resolve: {
    // The package's own public names, so that tests and configs read as a user's code does.
    alias: Object.entries(paths).map(([name, [file = ""]]) => ({
      find: new RegExp(`^${name}$`),
      replacement: fileURLToPath(new URL(file, import.meta.url)),
    })),
  },
  test: {
    globalSetup: ["test/bundle-program.ts", "test/parity/python-server.ts"],
    pool: "forks",
    maxWorkers: 2,
    // Two workers and their children share two cores: one thread each, or their OpenMP teams wait for each other.
    env: { OMP_NUM_THREADS: "1" },
    include: [
      "src/**/*.test.ts",
      "test/**/*.test.ts",
      "bench/**/*.test.ts",
      "page/src/**/*.test.ts",
    ],
    // They want a GPU: vitest.gpu.config.ts.
    exclude: [...configDefaults.exclude, "test/gpu/**", ...(hasBrowser ? [] : [PAGE_TESTS])],
    sequence: { sequencer: LongestFirst },
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});
