import { hostname } from "node:os";
import { version } from "../../config/package-info.ts";
import { type Device, engineInfo } from "../../torch/index.ts";
import type { RunFacts } from "../run-folder/events.ts";

/** What this process trains with. */
export function runFacts(device: Device): RunFacts {
  const { libtorch, threads } = engineInfo();
  return {
    device,
    host: hostname(),
    versions: { pixart: version, node: process.versions.node, torch: libtorch },
    threads,
    argv: process.argv.map(withoutSecrets),
    cwd: process.cwd(),
  };
}

/** A word of a command line without what looks like a key of a service, or a password in an address. */
export const withoutSecrets = (word: string): string =>
  word.replace(/\b(hf_|sk-)[\w-]{8,}/g, "$1…").replace(/(:\/\/)[^/@\s]+@/g, "$1…@");
