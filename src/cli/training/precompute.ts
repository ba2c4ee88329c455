import { statSync } from "node:fs";
import { loadConfig } from "../../config/index.ts";
import type { FeatureFolders } from "../../training/features/imported-features.ts";
import { precompute, type Shard } from "../../training/precompute.ts";
import { printResult } from "../terminal/output.ts";
import { say } from "../terminal/talk.ts";
import { UsageError } from "../terminal/usage-error.ts";

/** Options of `pixart precompute`. */
export interface PrecomputeCommandOptions extends FeatureFolders {
  /** `i/n` */
  readonly shard: string;
  /** Default: as the config says. */
  readonly device?: string;
  readonly workDir?: string;
  readonly cfgOptions?: readonly string[];
  readonly json?: boolean;
}

/** `pixart precompute CONFIG` */
export async function precomputeCommand(
  name: string,
  { shard, workDir, device, cfgOptions = [], json = false, ...features }: PrecomputeCommandOptions,
): Promise<void> {
  const part = parseShard(shard);
  requireFolder("--caption-features", features.captionFeatures);
  requireFolder("--dense-caption-features", features.denseCaptionFeatures);
  requireFolder("--latent-features", features.latentFeatures);
  const loaded = await loadConfig(name, cfgOptions);
  const config = {
    ...loaded,
    workDir: workDir ?? loaded.workDir,
    device: device ?? loaded.device,
  };
  const { folder, pictures, texts } = await precompute(config, { shard: part, features, say });
  say(`Done: ${pictures} pictures and ${texts} texts of shard ${shard} are in the cache`);
  printResult(json ? JSON.stringify({ folder, shard, pictures, texts }) : folder);
}

function requireFolder(option: string, path: string | undefined): void {
  if (path === undefined || statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  throw new UsageError(`Expected a folder for ${option} but received ${path}`);
}

function parseShard(text: string): Shard {
  const [, first, second] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const [index, count] = [Number(first), Number(second)];
  if (first === undefined || index < 1 || index > count) {
    throw new UsageError(`Expected i/n with i from 1 to n for --shard but received ${text}`);
  }
  return { index, count };
}
