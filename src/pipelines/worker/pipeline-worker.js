// The thread of a pipeline in a worker. JavaScript, because worker threads of Node 20 do not load TypeScript: when run from
// sources, a loader is registered first.
import { workerData } from "node:worker_threads";

if (workerData.isSource) {
  const { register } = await import("tsx/esm/api");
  register();
}
await import("./worker-host.ts");
