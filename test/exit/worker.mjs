// In Node 20 the loader of the main thread does not reach into workers.
import { register } from "tsx/esm/api";

register();
await import("./compute-for-ever.ts");
