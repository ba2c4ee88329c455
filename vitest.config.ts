import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";
import LongestFirst from "./test/longest-first.ts";
import tsconfig from "./tsconfig.json" with { type: "json" };

const { paths } = tsconfig.compilerOptions;

export default defineConfig({
  resolve: {
    // The package's own public names, so that tests and configs read as a user's code does.
    alias: Object.entries(paths).map(([name, [file = ""]]) => ({
      find: new RegExp(`^${name}$`),
      replacement: fileURLToPath(new URL(file, import.meta.url)),
    })),
  },
  test: {
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
    exclude: [...configDefaults.exclude, "test/gpu/**"],
    sequence: { sequencer: LongestFirst },
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});
