import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { VERIFIED_FILE } from "../../src/data/verified-files.ts";
import { checkpointsOf, losses, writeTinyRun } from "../fixtures/tiny-run.ts";
import {
  buildFileFaults,
  type FaultKind,
  faultVariables,
  type LoggedCall,
  readFaultLog,
} from "./file-faults.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const STEPS = 3;
/** Every step is saved, only the newest kept; samples at the start, in the middle and at the end. */
const OPTIONS = [
  `stages.0.steps=${STEPS}`,
  "stages.0.checkpointEvery=1",
  "stages.0.keepCheckpoints=1",
  "stages.0.sampleEvery=2",
];

/** What a user calls: `train` builds the caches, draws samples, saves and prunes; `publish` reads all that. */
export type Command = "train" | "publish";

/** How a command ended. */
export interface Ending {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
  readonly calls: readonly LoggedCall[];
}

/** What lies in the work folder: path to a hash, or to "folder"; for events and manifests, of what they say about the run. */
export type Contents = ReadonlyMap<string, string>;

/** A whole tiny run in one folder, which can be done again and again from nothing. */
export class WholeRun {
  /** What everything is written below. */
  readonly work: string;
  readonly run: string;
  readonly #folder: string;
  readonly #configFile: string;
  readonly #library: string;
  /** The finished run, kept beside the work folder. */
  readonly #finished: string;

  private constructor(folder: string, configFile: string) {
    this.#folder = folder;
    this.#configFile = configFile;
    this.#library = buildFileFaults(folder);
    this.#finished = join(folder, "finished");
    this.work = join(folder, "work");
    this.run = join(this.work, "run");
  }

  /** Writes data set, config and the fault library into a new folder. */
  static async prepare(folder: string): Promise<WholeRun> {
    mkdirSync(folder, { recursive: true });
    const configFile = await writeTinyRun(folder);
    // Pictures that were written just now may still change within their times: such are read again, and not remembered.
    await sleep(2_500);
    return new WholeRun(folder, configFile);
  }

  /** Empties the work folder; for `publish` a finished run is put there. */
  reset(command: Command): void {
    rmSync(this.work, { recursive: true, force: true });
    if (command === "publish") cpSync(this.#finished, this.work, { recursive: true });
    else mkdirSync(this.work);
  }

  /** Keeps what the work folder holds as the finished run. */
  keepFinished(): void {
    cpSync(this.work, this.#finished, { recursive: true });
  }

  /** Whether a run was begun that can be resumed. */
  get isBegun(): boolean {
    return existsSync(join(this.run, "config.json"));
  }

  /** Whether the published folder has its name, which it gets when it is whole. */
  get isPublished(): boolean {
    return existsSync(join(this.work, "published"));
  }

  /** Calls a command to its end. */
  async call(
    command: Command,
    {
      resume = false,
      fault,
      tracer = [],
    }: {
      resume?: boolean;
      fault?: { readonly kind: FaultKind; readonly at: number };
      /** A program and its arguments that the command is started by. */
      tracer?: readonly string[];
    } = {},
  ): Promise<Ending> {
    const log = join(this.#folder, "calls.log");
    rmSync(log, { force: true });
    const args =
      command === "publish"
        ? ["publish", this.run, join(this.work, "published")]
        : [
            ...["train", this.#configFile, "--work-dir", this.run, ...(resume ? ["--resume"] : [])],
            ...["--cfg-options", ...OPTIONS, `dataset.cache.folder=${join(this.work, "cache")}`],
          ];
    const whole = [...tracer, process.execPath, join(ROOT, "dist/bundle/main.js"), ...args];
    const child = spawn(whole[0] ?? "", whole.slice(1), {
      cwd: ROOT,
      stdio: ["ignore", "ignore", "pipe"],
      env: {
        ...process.env,
        OMP_NUM_THREADS: "1",
        // One thread at a time changes files, so that the order of the calls is that of the program.
        UV_THREADPOOL_SIZE: "1",
        ...faultVariables(this.#library, this.work, log, fault),
      },
    });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const watchdog = setTimeout(() => child.kill("SIGKILL"), 120_000);
    const [exitCode, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(
      (resolve) => child.on("close", (code, reason) => resolve([code, reason])),
    );
    clearTimeout(watchdog);
    return { exitCode, signal, stderr, calls: readFaultLog(log) };
  }

  /** Where its checkpoints lie. */
  get checkpoints(): string {
    return checkpointsOf(this.run);
  }

  /** Everything in the work folder that two runs must have in common. */
  contents(): Contents {
    const contents = new Map<string, string>();
    for (const entry of readdirSync(this.work, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const name = relative(this.work, path);
      // It tells the time, and of each of a run's processes.
      if (name === join("run", "log.txt")) continue;
      // Named by the moment, and written again in part where a run goes on.
      if (name.startsWith(join("run", "tensorboard"))) continue;
      // Other runs may write there too: what one that died left is removed when it is an hour old.
      if (name.startsWith(join("cache", "")) && basename(name).startsWith(".tmp-")) continue;
      // Tells by the files' times which shards a start need not hash: only a second start finds any.
      if (name.startsWith(join("cache", "")) && basename(name) === VERIFIED_FILE) continue;
      contents.set(name, entry.isDirectory() ? "folder" : this.#digest(path));
    }
    return contents;
  }

  /** What tells this run from all others; made anew where nothing was begun. */
  get #id(): string {
    const text = readFileSync(join(this.run, "run.json"), "utf8");
    return (JSON.parse(text) as { readonly id: string }).id;
  }

  #digest(path: string): string {
    if (path === join(this.run, "events.jsonl")) return JSON.stringify(losses(this.run));
    const bytes = readFileSync(path);
    if (path === join(this.run, "run.json")) {
      return JSON.stringify({ ...(JSON.parse(bytes.toString()) as object), id: undefined });
    }
    if (path.endsWith("manifest.json")) {
      // Without the moment, and the hash that covers it.
      const whole = JSON.parse(bytes.toString()) as { readonly run?: { readonly id?: string } };
      const isOwn = whole.run?.id === this.#id;
      return JSON.stringify({
        ...whole,
        run: { ...whole.run, id: isOwn ? "of this run" : "of another" },
        createdAt: undefined,
        sha256: undefined,
      });
    }
    return createHash("sha256").update(bytes).digest("hex");
  }
}
