import { TorchError } from "../torch/index.ts";

/** Exit code of a process that ends because another one of its run is gone. */
export const LOST_RANK = 76;

/** Whether an error is what a collective ends with when another rank's process is gone, or did not come in time. */
export const isLostRank = (error: unknown): error is TorchError =>
  error instanceof TorchError &&
  /gloo|Connection (closed|reset) by peer|Socket Timeout|NCCL/i.test(error.message);
