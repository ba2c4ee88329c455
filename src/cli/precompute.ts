import { loadConfig } from "../config/index.ts";
import { precompute, type Shard } from "../training/precompute.ts";
import { say } from "./talk.ts";

/** Options of `pixart precompute`. */
export interface PrecomputeCommandOptions {
  /** `i/n` */
  readonly shard: string;
  readonly workDir?: string;
  readonly cfgOptions?: readonly string[];
}

/** `pixart precompute CONFIG` */
export async function precomputeCommand(
  name: string,
  { shard, workDir, cfgOptions = [] }: PrecomputeCommandOptions,
): Promise<void> {
  const part = parseShard(shard);
  const loaded = await loadConfig(name, cfgOptions);
  const config = { ...loaded, workDir: workDir ?? loaded.workDir };
  const { folder, pictures, texts } = await precompute(config, { shard: part, say });
  say(`Done: ${pictures} pictures and ${texts} texts of shard ${shard} are in the cache`);
  process.stdout.write(`${folder}\n`);
}

function parseShard(text: string): Shard {
  const [, first, second] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const [index, count] = [Number(first), Number(second)];
  if (first === undefined || index < 1 || index > count) {
    throw new Error(`Expected i/n with i from 1 to n for --shard but received ${text}`);
  }
  return { index, count };
}
