export { join } from "./join.ts";
export { isLostRank, LOST_RANK } from "./lost-rank.ts";
export { findPlace, LAUNCHERS, type Launcher, type Place } from "./place.ts";
export { ShardedOptimizer } from "./sharded-optimizer.ts";
export { supervise } from "./supervise.ts";
export { World } from "./world.ts";
