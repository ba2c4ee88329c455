import { TorchError } from "../torch/index.ts";

/** Whether an error is that of a collective when another rank's process is gone or did not arrive in time. */
export const isLostRank = (error: unknown): error is TorchError =>
  error instanceof TorchError &&
  /gloo|Connection (closed|reset) by peer|Socket Timeout|NCCL/i.test(error.message);
