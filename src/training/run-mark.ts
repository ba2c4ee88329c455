/** What a checkpoint says of the run that it belongs to. */
export interface RunMark {
  /** Tells the run from all others. */
  readonly id: string;
  /** Digest of what its pictures were: see DataRecord. */
  readonly data: string;
  /** Its config. */
  readonly config: object;
}

/** Undefined for what is none, as in manifests of earlier releases. */
export function parseRunMark(value: unknown): RunMark | undefined {
  const { id, data, config } = Object(value) as Partial<Record<keyof RunMark, unknown>>;
  const isMark =
    typeof id === "string" && typeof data === "string" && typeof config === "object" && config;
  return isMark ? { id, data, config } : undefined;
}
