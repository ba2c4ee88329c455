import { describe, expect, it } from "vitest";
import { firstHost } from "./host-list.ts";
import { findPlace } from "./place.ts";

describe("findPlace", () => {
  const torchrun = {
    RANK: "5",
    LOCAL_RANK: "1",
    WORLD_SIZE: "8",
    MASTER_ADDR: "node1",
    MASTER_PORT: "29400",
    TORCHELASTIC_USE_AGENT_STORE: "True",
    TORCHELASTIC_RESTART_COUNT: "2",
  };

  it("reads torchrun's variables, named or not", () => {
    const place = {
      rank: 5,
      size: 8,
      localRank: 1,
      localSize: 1,
      masterAddress: "node1",
      masterPort: 29400,
      storeIsServed: true,
      restarts: 2,
    };
    expect(findPlace(undefined, torchrun)).toEqual(place);
    expect(findPlace("pytorch", torchrun)).toEqual(place);
    expect(findPlace("none", torchrun)).toBeUndefined();
  });

  it("reads a PyTorchJob's, where rank 0 serves the store", () => {
    const env = { RANK: "0", WORLD_SIZE: "2", MASTER_ADDR: "job-master-0", MASTER_PORT: "23456" };
    expect(findPlace(undefined, env)).toMatchObject({
      rank: 0,
      localRank: 0,
      masterAddress: "job-master-0",
      storeIsServed: false,
      restarts: 0,
    });
  });

  it("takes a process whose launcher says nothing of its machine for the only one there", () => {
    const env = { RANK: "7", WORLD_SIZE: "8", MASTER_ADDR: "job-master-0" };
    expect(findPlace(undefined, env)).toMatchObject({ rank: 7, localRank: 0, localSize: 1 });
    const shared = findPlace(undefined, { ...env, LOCAL_WORLD_SIZE: "4" });
    expect(shared).toMatchObject({ localRank: 3, localSize: 4 });
  });

  it("finds Slurm's first machine", () => {
    const env = {
      SLURM_PROCID: "3",
      SLURM_LOCALID: "1",
      SLURM_NTASKS: "4",
      SLURM_STEP_NUM_TASKS: "4",
      SLURM_STEP_NUM_NODES: "2",
      SLURM_STEP_NODELIST: "gpu[07,09]",
      SLURM_STEP_TASKS_PER_NODE: "2(x2)",
      SLURM_NODEID: "1",
    };
    const place = {
      ...{ rank: 3, size: 4, localRank: 1, localSize: 2 },
      ...{ masterAddress: "gpu07", masterPort: 29500 },
    };
    expect(findPlace("slurm", env)).toMatchObject(place);
    expect(findPlace(undefined, env)).toMatchObject(place);
  });

  it.each([
    ["8(x2),4", "0", 8],
    ["8(x2),4", "2", 4],
    ["4", "0", 4],
    ["4", "7", 1],
    ["", "0", 1],
  ])(
    "counts the tasks of a node of Slurm's %j, the one of index %s, as %i",
    (tasks, node, count) => {
      const env = {
        ...{ SLURM_PROCID: "0", SLURM_STEP_NUM_TASKS: "20", SLURM_STEP_NODELIST: "a,b,c" },
        ...{ SLURM_STEP_TASKS_PER_NODE: tasks, SLURM_NODEID: node },
      };
      expect(findPlace("slurm", env)).toMatchObject({ localSize: count });
    },
  );

  it("takes mpirun's ranks inside a job of Slurm, and srun's where both name the same", () => {
    const batch = { SLURM_PROCID: "0", SLURM_NTASKS: "8", SLURM_NNODES: "2" };
    const mpi = { OMPI_COMM_WORLD_RANK: "5", OMPI_COMM_WORLD_SIZE: "8", MASTER_ADDR: "node1" };
    expect(findPlace(undefined, { ...batch, ...mpi })).toMatchObject({ rank: 5, size: 8 });
    // On the other machines, Open MPI starts one daemon each with srun.
    const daemon = { ...batch, SLURM_PROCID: "1", SLURM_STEP_NUM_TASKS: "2" };
    expect(findPlace(undefined, { ...daemon, ...mpi })).toMatchObject({ rank: 5, size: 8 });
    const both = {
      ...{ SLURM_PROCID: "5", SLURM_STEP_NUM_TASKS: "8", SLURM_STEP_NODELIST: "node[1-2]" },
      ...{ PMI_RANK: "5", PMI_SIZE: "8" },
    };
    expect(findPlace(undefined, both)).toMatchObject({ rank: 5, size: 8, masterAddress: "node1" });
  });

  it("takes mpirun's processes of one machine to loopback", () => {
    const env = {
      OMPI_COMM_WORLD_RANK: "1",
      OMPI_COMM_WORLD_SIZE: "2",
      OMPI_COMM_WORLD_LOCAL_RANK: "1",
      OMPI_COMM_WORLD_LOCAL_SIZE: "2",
    };
    expect(findPlace(undefined, env)).toMatchObject({ rank: 1, masterAddress: "127.0.0.1" });
    expect(() => findPlace("mpi", { ...env, OMPI_COMM_WORLD_LOCAL_SIZE: "1" })).toThrow(
      "Expected MASTER_ADDR, the address of rank 0's machine, but it is not set",
    );
  });

  it("leaves a process alone that nobody started with others", () => {
    expect(findPlace(undefined, {})).toBeUndefined();
    expect(findPlace("pytorch", {})).toBeUndefined();
    // A batch script of a job with four tasks, before and after srun.
    const batch = { SLURM_PROCID: "0", SLURM_NTASKS: "4", SLURM_NNODES: "1" };
    expect(findPlace(undefined, batch)).toBeUndefined();
    expect(() => findPlace("slurm", batch)).toThrow("Start the command with srun");
  });

  it.each([
    [
      "slurm",
      {},
      "Expected the variables of --launcher slurm (SLURM_PROCID, SLURM_STEP_NUM_TASKS) but they are not set. Start the command with srun",
    ],
    ["mpi", {}, "Start the command with mpirun"],
    [
      "pytorch",
      { ...torchrun, RANK: "8" },
      "Expected a rank below 8, the number of processes, but RANK is 8",
    ],
    [
      "pytorch",
      { ...torchrun, MASTER_PORT: "99999" },
      "Expected a port up to 65535 for the variable MASTER_PORT but received 99999",
    ],
    [
      "pytorch",
      { ...torchrun, MASTER_PORT: "0x10" },
      "Expected an integer of at least 1 for the variable MASTER_PORT but received 0x10",
    ],
    [
      "pytorch",
      { ...torchrun, MASTER_PORT: "http" },
      "Expected an integer of at least 1 for the variable MASTER_PORT but received http",
    ],
  ] as const)("%s: says what is wrong with the variables", (launcher, env, message) => {
    expect(() => findPlace(launcher, env)).toThrow(message);
  });
});

it.each([
  ["login1", "login1"],
  ["node[003-005,009],login1", "node003"],
  ["gpu[07,09]", "gpu07"],
  ["rack1-[2-4]-ib", "rack1-2-ib"],
  ["a.cluster.org,b.cluster.org", "a.cluster.org"],
])("the first host of %s is %s", (list, host) => {
  expect(firstHost(list)).toBe(host);
});

it("an empty list of hosts is refused", () => {
  expect(() => firstHost("")).toThrow(
    'Expected a list of hosts such as node[01-04] but received ""',
  );
});
