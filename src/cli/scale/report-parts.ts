/** Parts of the report that `pixart simulate` prints for a single number of GPUs. */
export const REPORT_PARTS = ["step", "time", "checkpoints", "storage", "assumptions"] as const;
