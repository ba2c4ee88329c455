import { InvalidValueError } from "../errors/index.ts";

/** The first host of a list as Slurm writes it: `node[003-005,009],login1` → `node003`. Throws if it has none. */
export function firstHost(list: string): string {
  const first = /^([^,[\s]+)(?:\[([^\],-]+)[^\]]*\]([^,[\s]*))?/.exec(list.trim());
  if (first === null) {
    throw new InvalidValueError(
      `Expected a list of hosts such as node[01-04] but received ${JSON.stringify(list)}`,
    );
  }
  const [, stem = "", number = "", tail = ""] = first;
  return `${stem}${number}${tail}`;
}
