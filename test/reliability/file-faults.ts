import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What happens at the chosen call. `torn` lets half of a write through and then kills; EIO comes once, ENOSPC and EDQUOT stay. */
export type FaultKind = "kill" | "torn" | "ENOSPC" | "EDQUOT" | "EIO";

const ERRNO = { ENOSPC: 28, EDQUOT: 122, EIO: 5 } as const;

/** A call that changes files, as file-faults.c logs it. */
export interface LoggedCall {
  readonly number: number;
  readonly call: string;
  readonly path: string;
  /** Where a rename or a link leads. */
  readonly to: string;
  /** Whether the fault came here. */
  readonly isFaulty: boolean;
}

/** Compiles file-faults.c into `folder`; needs a C compiler, as the addon does. */
export function buildFileFaults(folder: string): string {
  const library = join(folder, "file-faults.so");
  const source = fileURLToPath(new URL("file-faults.c", import.meta.url));
  const flags = ["-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"];
  execFileSync("cc", [...flags, "-o", library, source, "-ldl", "-lpthread"]);
  return library;
}

/** Environment variables that make a process count its calls below `root`, and meet a fault at one of them. */
export function faultVariables(
  library: string,
  root: string,
  log: string,
  fault?: { readonly kind: FaultKind; readonly at: number },
): Record<string, string> {
  const counting = { LD_PRELOAD: library, FILE_FAULTS_ROOT: root, FILE_FAULTS_LOG: log };
  if (fault === undefined) return counting;
  const { kind, at } = fault;
  const isError = kind !== "kill" && kind !== "torn";
  return {
    ...counting,
    FILE_FAULTS_AT: `${at}`,
    FILE_FAULTS_ACTION: isError ? `${ERRNO[kind]}` : kind,
    // A full disk and a used-up quota stay so.
    ...(isError && kind !== "EIO" ? { FILE_FAULTS_LASTING: "1" } : {}),
  };
}

/** The calls of a log, in order. */
export function readFaultLog(log: string): LoggedCall[] {
  if (!existsSync(log)) return [];
  return readFileSync(log, "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const [number = "", call = "", path = "", to = "", action = ""] = line.split("\t");
      return { number: Number(number), call, path, to, isFaulty: action !== "" };
    });
}
