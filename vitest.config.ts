import { fileURLToPath } from "node:url";
import { configDefaults, defineConfig } from "vitest/config";

const source = (path: string): string => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    // The package's own public names, so that tests and configs read as a user's code does.
    alias: [
      { find: /^pixart$/, replacement: source("index.ts") },
      { find: /^pixart\/torch$/, replacement: source("engine.ts") },
      { find: /^pixart\/config$/, replacement: source("config/index.ts") },
      { find: /^pixart\/client$/, replacement: source("client/index.ts") },
    ],
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
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});
