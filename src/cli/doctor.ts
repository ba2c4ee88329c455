import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { version } from "../config/package-info.ts";
import { engineFolder } from "../files/package/engine-folder.ts";
import type { DType } from "../torch/index.ts";

/** What a device can compute, tried with a small matrix product per dtype. */
interface DeviceReport {
  readonly device: string;
  readonly works: DType[];
  readonly fails: { readonly dtype: DType; readonly reason: string }[];
}

type EngineReport =
  | {
      readonly libtorch: string;
      readonly builtAgainst: string;
      readonly threads: number;
      readonly cpuCapability: string;
      readonly fastest: readonly DType[];
      readonly products: string;
      readonly devices: DeviceReport[];
    }
  | { readonly problem: string };

interface Report {
  readonly pixart: string;
  readonly node: string;
  readonly system: string;
  readonly processor: string;
  /** Bytes. */
  readonly memory: { readonly total: number; readonly free: number };
  /** Bytes free in the current folder. */
  readonly disk: { readonly folder: string; readonly free: number };
  /** Versions; null if the tool is missing. */
  readonly tools: Readonly<Record<string, string | null>>;
  /** What set-up built the addon against. */
  readonly libtorch: { version: string; source: string; folder: string } | null;
  readonly engine: EngineReport;
}

/**
 * A report on this machine and installation to paste into an issue: text, or JSON with sizes in bytes. The exit code is 1 if the
 * engine cannot be loaded.
 */
export async function doctor(options: { json?: boolean } = {}): Promise<string> {
  const report = await examine();
  if ("problem" in report.engine) process.exitCode = 1;
  const text = options.json ? JSON.stringify(report, null, 2) : format(report);
  return shortenHome(text, os.homedir());
}

/** Writes `~` for the home folder, which often holds a person's name. */
export function shortenHome(text: string, home: string): string {
  if (home.length < 2) return text;
  const literal = home.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return text.replace(new RegExp(`${literal}(?![\\w.-])`, "g"), "~");
}

async function examine(): Promise<Report> {
  const { bavail, bsize } = fs.statfsSync(process.cwd());
  return {
    pixart: version,
    node: process.versions.node,
    system: `${systemName()}, ${os.type()} ${os.release()} ${process.arch}`,
    processor: `${os.cpus()[0]?.model.trim() ?? "unknown"}, ${os.availableParallelism()} threads`,
    memory: {
      // A container's limit, if there is one.
      total: Math.min(os.totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY),
      free: process.availableMemory(),
    },
    disk: { folder: process.cwd(), free: bavail * bsize },
    tools: {
      compiler: firstLine(process.env.CXX ?? "c++", "--version"),
      cmake: firstLine("cmake", "--version"),
      python: firstLine("python3", "--version"),
      nvidia: firstLine(
        "nvidia-smi",
        "--query-gpu=name,memory.total,driver_version",
        "--format=csv,noheader",
      ),
    },
    libtorch: stampedTorch(),
    engine: await examineEngine(),
  };
}

async function examineEngine(): Promise<EngineReport> {
  try {
    const torch = await import("../torch/index.ts");
    const { cuda: _, devices, ...engine } = torch.engineInfo();
    const tryDevice = (device: string): DeviceReport => {
      const works: DType[] = [];
      const fails: { dtype: DType; reason: string }[] = [];
      for (const dtype of torch.dtypes) {
        try {
          const product = torch.tidy(() => {
            const ones = torch.ones([2, 2], { dtype, device });
            // No device multiplies booleans.
            const result = dtype === "bool" ? ones.to({ dtype: "int8" }).mul(2) : ones.matmul(ones);
            return result.to({ dtype: "float32", device: "cpu" }).toFloat32Array();
          });
          if (product.every((value) => value === 2)) works.push(dtype);
          else fails.push({ dtype, reason: `gave ${product.join(" ")} where 2 2 2 2 is right` });
        } catch (error) {
          fails.push({ dtype, reason: messageOf(error).split("\n")[0] ?? "" });
        }
      }
      return { device, works, fails };
    };
    const tried = devices.map(tryDevice);
    return { ...engine, devices: tried };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

function format(report: Report): string {
  const { memory, disk, tools, libtorch, engine } = report;
  const lines: [label: string, value: string][] = [
    ["pixart", report.pixart],
    ["Node.js", report.node],
    ["system", report.system],
    ["processor", report.processor],
    ["memory", `${gib(memory.free)} free of ${gib(memory.total)}`],
    ["disk", `${gib(disk.free)} free in ${disk.folder}`],
    ...Object.entries(tools).map(([tool, version]): [string, string] => [tool, version ?? "none"]),
    [
      "libtorch",
      libtorch
        ? `${libtorch.version} of ${libtorch.source}, in ${libtorch.folder}`
        : "not set up; run: npx pixart setup",
    ],
  ];
  if ("problem" in engine) {
    lines.push(["addon", engine.problem]);
  } else {
    const { builtAgainst, threads, cpuCapability } = engine;
    lines.push([
      "addon",
      `loads libtorch ${engine.libtorch}, built against ${builtAgainst}; ${threads} threads, ${cpuCapability}`,
    ]);
    const fastest = engine.devices.map(({ device }, i) => `${engine.fastest[i]} on ${device}`);
    lines.push(["fastest", `--dtype fastest is ${fastest.join(", ")}`]);
    lines.push(["products", engine.products]);
    for (const { device, works, fails } of engine.devices) {
      const failures = fails.map(({ dtype, reason }) => `\nnot in ${dtype}: ${reason}`);
      lines.push([device, `computes in ${works.join(", ") || "no dtype"}${failures.join("")}`]);
    }
  }
  const width = Math.max(...lines.map(([label]) => label.length)) + 2;
  return lines
    .map(([label, value]) => label.padEnd(width) + value.replaceAll("\n", `\n${" ".repeat(width)}`))
    .join("\n");
}

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

function stampedTorch(): Report["libtorch"] {
  const stamp = path.join(engineFolder(), "stamp.json");
  if (!fs.existsSync(stamp)) return null;
  const { torch } = JSON.parse(fs.readFileSync(stamp, "utf8")) as {
    torch: NonNullable<Report["libtorch"]>;
  };
  return torch;
}

function firstLine(command: string, ...args: string[]): string | null {
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8" });
  return status === 0 ? (stdout.split("\n")[0] ?? null) : null;
}

function systemName(): string {
  if (process.platform === "darwin") return `macOS ${firstLine("sw_vers", "-productVersion")}`;
  const release = "/etc/os-release";
  const text = fs.existsSync(release) ? fs.readFileSync(release, "utf8") : "";
  return /^PRETTY_NAME="?([^"\n]+)/m.exec(text)?.[1] ?? os.version();
}
