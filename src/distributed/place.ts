import { DistributedError, expected } from "../errors/index.ts";
import { firstHost } from "./host-list.ts";

/** What started the processes: nothing, torchrun or our own launcher, Slurm's srun, or MPI's mpirun. */
export const LAUNCHERS = ["none", "pytorch", "slurm", "mpi"] as const;

/** One of {@link LAUNCHERS}, with the names of diffengine's `--launcher`. */
export type Launcher = (typeof LAUNCHERS)[number];

/** The position of this process in a run, and where its processes meet. */
export interface Place {
  /** From 0, over all machines. */
  readonly rank: number;
  readonly size: number;
  /** From 0, on this machine. */
  readonly localRank: number;
  /** Number of processes on this machine; 1 if unknown. */
  readonly localSize: number;
  /** Address of the machine of rank 0. */
  readonly masterAddress: string;
  readonly masterPort: number;
  /** Whether a launcher serves the store there, as torchrun's agent does; rank 0 does otherwise. */
  readonly storeIsServed: boolean;
  /** How often the launcher has restarted the processes. */
  readonly restarts: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_PORT = 29500;
const HIGHEST_PORT = 65_535;
/** More than any cluster has. */
const MOST_NODES = 100_000;

/** The environment variables by which each launcher identifies a process. */
const VARIABLES = {
  pytorch: {
    rank: ["RANK"],
    size: ["WORLD_SIZE"],
    localRank: ["LOCAL_RANK"],
    localSize: ["LOCAL_WORLD_SIZE"],
  },
  slurm: {
    rank: ["SLURM_PROCID"],
    // Of srun's step. SLURM_NTASKS is the job's, and a batch script has it too, with a rank of 0.
    size: ["SLURM_STEP_NUM_TASKS"],
    localRank: ["SLURM_LOCALID"],
    localSize: [], // see tasksOfNode()
  },
  mpi: {
    rank: ["OMPI_COMM_WORLD_RANK", "PMI_RANK"],
    size: ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"],
    localRank: ["OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID"],
    localSize: ["OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS"],
  },
} as const;

/**
 * This process's position among those of its launcher, from the variables that the launcher set; undefined for a single process.
 * If no launcher is named, the one whose variables are set is used. Throws if variables contradict each other, or if a named
 * launcher has not set its own, except `pytorch`: then we are the launcher.
 */
export function findPlace(launcher: Launcher | undefined, env: Environment): Place | undefined {
  if (launcher === "none") return undefined;
  const found = (Object.keys(VARIABLES) as (keyof typeof VARIABLES)[]).filter((name) =>
    isStartedBy(name, env),
  );
  const several = found.filter((each) => sizeOf(each, env) > 1);
  const name = launcher ?? (isMpiInSlurm(several, env) ? "mpi" : several[0]);
  if (name === undefined || (name === "pytorch" && !found.includes(name))) return undefined;
  if (!found.includes(name)) {
    const { rank, size } = VARIABLES[name];
    throw new DistributedError(
      `Expected the variables of --launcher ${name} (${rank.join(" or ")}, ${size.join(" or ")}) but they are not set. Start the command with ${name === "slurm" ? "srun" : "mpirun"}`,
    );
  }
  return placeBy(name, env);
}

/**
 * Whether mpirun started this process inside a step of Slurm, in which its own daemons are the tasks. With `srun --mpi`, which sets
 * both's variables, they agree.
 */
function isMpiInSlurm(found: readonly (keyof typeof VARIABLES)[], env: Environment): boolean {
  if (found[0] !== "slurm" || !found.includes("mpi")) return false;
  const { slurm, mpi } = VARIABLES;
  return (["rank", "size"] as const).some(
    (each) => value(slurm[each], env)?.[1] !== value(mpi[each], env)?.[1],
  );
}

const isStartedBy = (name: keyof typeof VARIABLES, env: Environment): boolean =>
  value(VARIABLES[name].rank, env) !== undefined && value(VARIABLES[name].size, env) !== undefined;

const sizeOf = (name: keyof typeof VARIABLES, env: Environment): number =>
  Number(value(VARIABLES[name].size, env)?.[1]);

/** The first variable that is set. */
function value(
  names: readonly string[],
  env: Environment,
): [name: string, text: string] | undefined {
  const name = names.find((each) => env[each] !== undefined && env[each] !== "");
  return name === undefined ? undefined : [name, env[name] ?? ""];
}

function placeBy(name: keyof typeof VARIABLES, env: Environment): Place {
  const names = VARIABLES[name];
  const rank = wholeNumber(names.rank, env, 0);
  const size = wholeNumber(names.size, env, 1);
  if (rank >= size) {
    throw new DistributedError(
      `Expected a rank below ${size}, the number of processes, but ${value(names.rank, env)?.[0]} is ${rank}`,
    );
  }
  const isAgents = env.TORCHELASTIC_USE_AGENT_STORE === "True";
  const localSize = name === "slurm" ? tasksOfNode(env) : wholeNumber(names.localSize, env, 1, 1);
  return {
    rank,
    size,
    localRank: wholeNumber(names.localRank, env, 0, rank % localSize),
    localSize,
    masterAddress: masterAddress(name, size, env),
    masterPort: port(env),
    storeIsServed: isAgents,
    restarts: wholeNumber(["TORCHELASTIC_RESTART_COUNT", "PIXART_RESTART_COUNT"], env, 0, 0),
  };
}

/** Number of a Slurm step's tasks on this node, from a list for all its nodes such as `8(x2),4`; 1 if unknown. */
function tasksOfNode(env: Environment): number {
  const { SLURM_STEP_TASKS_PER_NODE: tasks = "", SLURM_NODEID: node = "0" } = env;
  const counts = tasks.split(",").flatMap((part) => {
    const [, count, times = "1"] = /^(\d+)(?:\(x(\d+)\))?$/.exec(part) ?? [];
    return Array.from({ length: Math.min(Number(times), MOST_NODES) }, () => Number(count));
  });
  return counts[Number(node)] || 1;
}

function port(env: Environment): number {
  const given = wholeNumber(["MASTER_PORT"], env, 1, DEFAULT_PORT);
  if (given <= HIGHEST_PORT) return given;
  throw expected(`a port up to ${HIGHEST_PORT}`, "the variable MASTER_PORT", given);
}

function wholeNumber(
  names: readonly string[],
  env: Environment,
  least: number,
  otherwise?: number,
): number {
  const [name, text] = value(names, env) ?? [names[0], undefined];
  if (text === undefined && otherwise !== undefined) return otherwise;
  const number = /^\d+$/.test(text ?? "") ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number) || number < least) {
    throw expected(`an integer of at least ${least}`, `the variable ${name}`, text);
  }
  return number;
}

/** MASTER_ADDR, or derived from the launcher's own variables. */
function masterAddress(name: keyof typeof VARIABLES, size: number, env: Environment): string {
  const [, given] = value(["MASTER_ADDR"], env) ?? [];
  if (given !== undefined) return given;
  const isOneMachine =
    name === "mpi"
      ? Number(env.OMPI_COMM_WORLD_LOCAL_SIZE ?? env.MPI_LOCALNRANKS) === size
      : name === "slurm" && Number(env.SLURM_STEP_NUM_NODES ?? env.SLURM_NNODES) === 1;
  if (isOneMachine) return "127.0.0.1";
  const hosts = name === "slurm" ? (env.SLURM_STEP_NODELIST ?? env.SLURM_JOB_NODELIST) : undefined;
  if (hosts !== undefined) return firstHost(hosts);
  throw new DistributedError(
    "Expected MASTER_ADDR, the address of rank 0's machine, but it is not set. Set it to a name or address that all machines can reach, and MASTER_PORT to a free port",
  );
}
