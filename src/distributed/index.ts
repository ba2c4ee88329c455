export { join, LOST_RANK } from "./join.ts";
export { findPlace, LAUNCHERS, type Launcher, type Place } from "./place.ts";
export { ShardedOptimizer } from "./sharded-optimizer.ts";
export { supervise } from "./supervise.ts";
export { World } from "./world.ts";
