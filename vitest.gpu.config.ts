import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import config from "./vitest.config.ts";

/**
 * The tests that want a GPU, which `npm test` leaves out: bench/gpu.sh runs them, or
 * `npx vitest run --config vitest.gpu.config.ts`. PIXART_TEST_DEVICE names another device than "cuda"; with "cpu" they run anywhere.
 */
export default defineConfig({
  ...config,
  test: {
    ...config.test,
    globalSetup: [], // for tests that this leaves out
    // cuBLAS sums in one order only with a workspace of its own (docs.nvidia.com/cuda/cublas, "results reproducibility").
    env: { ...config.test?.env, CUBLAS_WORKSPACE_CONFIG: ":4096:8" },
    // A GPU takes turns, and what keeps it waiting is the processor.
    maxWorkers: Math.max(2, Math.floor(availableParallelism() / 2)),
    include: ["test/gpu/**/*.test.ts"],
    exclude: ["node_modules/**"],
  },
});
