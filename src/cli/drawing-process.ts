import { setPriority } from "node:os";
import { EngineLoop } from "../drawing/engine-loop.ts";
import { preferToEnd } from "../files/prefer-to-end.ts";
import type { FromEngine, ToEngine } from "../server/engine/engine-messages.ts";
import { drawingDevice, loadPipeline } from "./drawing/load-pipeline.ts";

// The process that `pixart serve` forks for each device: loads models, draws, and ends with the server.

/** A lower priority than the server and the machine's other work. */
const NICENESS = 10;

setPriority(NICENESS);
preferToEnd();
process.on("disconnect", () => process.exit());
// A terminal's Ctrl+C reaches both processes; the server decides when this one ends.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

const loop = new EngineLoop({
  load: async (place, { device, dtype, quantize }) => {
    const changes = {
      ...(dtype !== undefined && { dtype }),
      ...(quantize !== undefined && { quantize }),
    };
    const own = drawingDevice(device, changes);
    return (await loadPipeline(place, { ...changes, device: own })).pipe;
  },
  tell: (message: FromEngine) => void process.send?.(message),
  warn: (message) => console.error(`Warning: ${message}`),
});
process.on("message", (message: ToEngine) => loop.hear(message));
