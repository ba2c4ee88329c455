/** What `pixart simulate` can show of one number of GPUs. */
export const REPORT_PARTS = ["step", "time", "checkpoints", "storage", "assumptions"] as const;
