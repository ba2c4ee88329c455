/** The machine that rows are measured on. */
import { readFileSync, statfsSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";

const text = readFileSync("/proc/cpuinfo", "utf8");
const field = (name: string): string =>
  new RegExp(`^${name}\\s*: (.*)$`, "m").exec(text)?.[1] ?? "";
const flags: ReadonlySet<string> = new Set(field("flags").split(" "));

/** Where libtorch multiplies float32 with MKL, which is slow on other makers' processors. */
export const isAmd: boolean = field("vendor_id") === "AuthenticAMD";

/** Whether the processor multiplies bfloat16 itself. */
export const hasBfloat16: boolean = flags.has("avx512_bf16") || flags.has("amx_bf16");

/** Of the machine. Both sides take all. */
export const threads: number = cpus().length;

/** What a row can't do without. */
export interface Needs {
  /** Bytes. */
  readonly memory?: number;
  readonly disk?: number;
  /** Whether it holds T5-XXL's encoder too: its layers once on disk, and once in each side's memory. */
  readonly t5?: boolean;
  readonly bfloat16?: boolean;
}

/** Bytes in bfloat16, embeddings shared out. */
const T5_LAYER = 0.4e9;

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

/** Why this machine can't judge a row; undefined where it can. */
export function lackOf(needs: Needs, folder: string, t5Layers: number): string | undefined {
  const layers = needs.t5 ? t5Layers * T5_LAYER : 0;
  const [memory, disk] = [(needs.memory ?? 0) + 2 * layers, (needs.disk ?? 0) + layers];
  const { bavail, bsize } = statfsSync(folder);
  if (needs.bfloat16 && !hasBfloat16) return "the processor has neither AVX512_BF16 nor AMX";
  if (totalmem() < memory)
    return `it takes ${gigabytes(memory)} of memory and the machine has ${gigabytes(totalmem())}`;
  if (bavail * bsize < disk)
    return `it takes ${gigabytes(disk)} of disk and ${folder} has ${gigabytes(bavail * bsize)}`;
  return undefined;
}

/** The load of the last minute. */
export const load = (): string => (loadavg()[0] ?? 0).toFixed(1);

/** Processor and memory in a sentence. */
export function describeMachine(): string {
  const has = ["avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8"].map(
    (flag) => `${flag} ${flags.has(flag) ? "yes" : "no"}`,
  );
  return `${field("model name")} (family ${field("cpu family")}, model ${field("model")}; ${has.join(", ")}), ${threads} threads, ${gigabytes(totalmem())} of memory`;
}
