export { LOST_RANK, PREEMPTED, RUN_LOST } from "./exit-codes.ts";
export { join } from "./join.ts";
export { isLostRank } from "./lost-rank.ts";
export { findPlace, LAUNCHERS, type Launcher, type Place } from "./place.ts";
export { ShardedOptimizer } from "./sharded-optimizer.ts";
export { supervise } from "./supervise.ts";
export { World } from "./world.ts";
