import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { hostname } from "node:os";
import { DistributedError, InvalidValueError, ResourceError } from "../errors/index.ts";
import * as torch from "../torch/index.ts";
import { awaitPort } from "./await-port.ts";
import { LOST_RANK } from "./exit-codes.ts";
import type { Place } from "./place.ts";
import { World } from "./world.ts";

/** Milliseconds. */
const TIMES = {
  /** Until all processes must have arrived. */
  arrival: 5 * 60_000,
  /** Interval between two heartbeats. */
  beat: 2_000,
  /** Silence after which a process is considered lost. */
  silence: 20_000,
  /** Timeout of a collective for a rank that is alive: it may be saving, or drawing samples. */
  collective: 60 * 60_000,
};

/** Options of {@link join}. */
export interface JoinOptions {
  /** Timeout of a collective, in milliseconds. */
  readonly collective?: number;
  /** The process that this one must not outlive; 0 for none. */
  readonly parent?: number;
}

/**
 * Joins the other processes of a run at its store, which is served by rank 0 at the address of `MASTER_ADDR`, or by the launcher.
 * Gloo uses the address that leads there, or the interface that `GLOO_SOCKET_IFNAME` names. Throws if the store can't be reached,
 * or if some processes don't arrive in time, naming them.
 */
export async function join(place: Place, options: JoinOptions = {}): Promise<World> {
  const { rank, size, masterAddress, masterPort, restarts } = place;
  const { collective = TIMES.collective, parent = 0 } = options;
  const { arrival } = TIMES;
  const host = await addressOf(masterAddress);
  const isServer = rank === 0 && !place.storeIsServed;
  if (!isServer) await requireStore(host, masterPort, arrival);
  const served = connect({ host, port: masterPort, isServer, timeout: arrival });
  const prefix = `pixart/${restarts}`;
  const store = served.prefixed(prefix);
  requireAll(store, place, arrival);
  const membership = { store: store.prefixed("gloo"), rank, size, timeout: collective };
  const group = torch.ProcessGroup.gloo(membership, {
    address: await addressTowards(host, masterPort),
    networkInterface: process.env.GLOO_SOCKET_IFNAME?.split(",")[0],
  });
  const heartbeat = new torch.Heartbeat({
    host,
    port: masterPort,
    prefix,
    rank,
    size,
    interval: TIMES.beat,
    limit: TIMES.silence,
    exitCode: LOST_RANK,
    parent,
  });
  const leave = (): void => {
    heartbeat.stop();
    store.set(`left/${rank}`, "");
    // The store ends with its server's process.
    if (isServer) store.wait(keys("left", size), arrival);
  };
  const behind = (): number[] => {
    const own = Number(store.get(`arrivals/${rank}`));
    return Array.from({ length: size }, (_, each) => each).filter(
      (each) => each !== rank && Number(store.get(`arrivals/${each}`)) < own,
    );
  };
  const groupOn = (device: torch.Device): torch.ProcessGroup => {
    if (torch.deviceKind(device) === "cuda" && torch.hasNccl())
      return torch.ProcessGroup.nccl({ ...membership, store: store.prefixed("nccl") });
    throw new ResourceError(
      "ERR_DEVICE",
      `Expected the CPU, or CUDA with an addon that was built with NCCL, for tensors of ${size} processes but received ${device}. Give --device cpu, or put NCCL's headers next to libtorch and run: npx pixart setup`,
    );
  };
  return new World({
    group,
    groupOn,
    localRank: place.localRank,
    localSize: place.localSize,
    collective,
    arrive: () => heartbeat.arrive(),
    behind,
    leave,
  });
}

async function addressOf(name: string): Promise<string> {
  try {
    return (await lookup(name)).address;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InvalidValueError(
      `Expected the address of rank 0's machine, or a name that this machine can resolve, for MASTER_ADDR but received ${name} (${code}). Check its spelling, or give its IP address`,
      { cause: error },
    );
  }
}

const keys = (name: string, size: number): string[] =>
  Array.from({ length: size }, (_, rank) => `${name}/${rank}`);

const silent = (host: string, port: number, timeout: number): string =>
  `The run's store at ${host}:${port} did not answer within ${timeout / 1000} s. Is rank 0 running there, and do MASTER_ADDR and MASTER_PORT point to it on every machine`;

/** Throws if nobody serves the store in time. */
async function requireStore(host: string, port: number, timeout: number): Promise<void> {
  const failure = await awaitPort(host, port, timeout);
  if (failure !== undefined)
    throw new DistributedError(`${silent(host, port, timeout)}? The last attempt: ${failure}`);
}

function connect(options: Parameters<typeof torch.Store.tcp>[0]): torch.Store {
  const { host, port, isServer, timeout } = options;
  try {
    return torch.Store.tcp(options);
  } catch (error) {
    const what = isServer
      ? `Rank 0 cannot serve the run's store at ${host}:${port}. Another run may be using that port: set MASTER_PORT to a free one. Or MASTER_ADDR may be another machine's`
      : silent(host, port, timeout);
    throw new DistributedError(`${what}. ${firstLine(error)}`, { cause: error });
  }
}

/** libtorch's own message, without source locations and the stack frames after them. */
function firstLine(error: unknown): string {
  const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
  return line.replace(/\s*(?:Exception raised from|\[W?\d*.*?\.(?:cpp|cc|h):\d+\]).*$/, "");
}

function requireAll(store: torch.Store, { rank, size }: Place, arrival: number): void {
  store.set(`who/${rank}`, `process ${process.pid} on ${hostname()}`);
  const all = keys("who", size);
  try {
    store.wait(all, arrival);
  } catch (error) {
    const missing = all.flatMap((key, each) => (store.has(key) ? [] : [each]));
    if (missing.length === 0) throw error;
    throw new DistributedError(
      `${size - missing.length} of ${size} processes connected within ${arrival / 1000} s; missing: rank ${missing.join(", ")}. Look at their output`,
      { cause: error },
    );
  }
}

/** The address of this machine for packets to a host; nothing is sent. */
async function addressTowards(host: string, port: number): Promise<string> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  try {
    socket.connect(port, host);
    await once(socket, "connect");
    return socket.address().address;
  } finally {
    socket.close();
  }
}
