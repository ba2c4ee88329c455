// Loads the engine in two workers, one after the other, and never in the main thread.
import { once } from "node:events";
import { Worker } from "node:worker_threads";

for (const end of ["stopped", "terminated"]) {
  const worker = new Worker(new URL("worker.mjs", import.meta.url));
  await once(worker, "message");
  if (end === "stopped") {
    worker.postMessage("stop");
    await once(worker, "exit");
  } else {
    await worker.terminate();
  }
  console.log(end);
}
