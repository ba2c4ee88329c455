import { hostname } from "node:os";
import { version } from "../../config/package-info.ts";
import { type Device, engineInfo } from "../../torch/index.ts";
import type { RunFacts } from "../run-folder/events.ts";

/** How this process trains: device, versions, command. */
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

/** A word of a command line with anything removed that looks like an API key or a password in a URL. */
export const withoutSecrets = (word: string): string =>
  word.replace(/\b(hf_|sk-)[\w-]{8,}/g, "$1…").replace(/(:\/\/)[^/@\s]+@/g, "$1…@");
