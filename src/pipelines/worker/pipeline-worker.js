// The thread of a pipeline in a worker. JavaScript, because a worker thread of Node 20 loads no TypeScript: from the sources that is
// first taught.
import { workerData } from "node:worker_threads";

if (workerData.isSource) {
  const { register } = await import("tsx/esm/api");
  register();
}
await import("./worker-host.ts");
