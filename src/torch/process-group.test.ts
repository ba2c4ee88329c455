import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { freePort } from "../distributed/free-port.ts";
import { native } from "./binding.ts";
import * as torch from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-stores-"));
afterAll(() => rmSync(folder, { recursive: true }));

const TIMEOUT = 5000;

describe("a store", () => {
  it.each(["tcp", "file"] as const)(
    "of kind %s keeps what is set, counts, and waits no longer than told",
    async (kind) => {
      const port = await freePort();
      const store =
        kind === "tcp"
          ? torch.Store.tcp({ host: "127.0.0.1", port, isServer: true, timeout: TIMEOUT })
          : torch.Store.file(join(folder, "store"), TIMEOUT);
      const apart = store.prefixed("apart");
      store.set("key", "wörds");
      expect(store.get("key")).toBe("wörds");
      expect([store.has("key"), apart.has("key")]).toEqual([true, false]);
      expect([store.add("count", 2), store.add("count", 3)]).toEqual([2, 5]);
      store.wait(["key"], 1000);
      expect(() => store.wait(["nobody sets this"], 50)).toThrow(torch.TorchError);
      expect(store.port).toBe(kind === "tcp" ? port : 0);
    },
  );

  it("says at once that its file cannot be", () => {
    const path = join(folder, "nowhere", "store");
    expect(() => torch.Store.file(path, TIMEOUT)).toThrow(
      `The store ${path} cannot be opened: No such file or directory`,
    );
  });

  it("takes a port of the system's choice, and listens at its address alone", () => {
    const store = torch.Store.tcp({ host: "127.0.0.1", port: 0, isServer: true, timeout: TIMEOUT });
    expect(store.port).toBeGreaterThan(0);
    const { port } = store;
    const again = (): torch.Store =>
      torch.Store.tcp({ host: "127.0.0.1", port, isServer: true, timeout: TIMEOUT });
    expect(again).toThrow(`The store cannot listen at 127.0.0.1:${port}: Address already in use`);
  });

  it("says why it cannot listen where the system gives no socket", () => {
    const script = new URL("../../test/fixtures/store-without-files.ts", import.meta.url);
    const limited = 'ulimit -n 256 && exec "$0" --import tsx "$1"';
    const args = ["-c", limited, process.execPath, fileURLToPath(script)];
    const { stdout, stderr } = spawnSync("sh", args, { encoding: "utf8" });
    expect(stdout, stderr).toContain("The store cannot listen at 127.0.0.1:0: Too many open files");
  });

  it.each([
    [[undefined, 0, true, 1], "Expected a string for host but received undefined"],
    [["127.0.0.1", 70_000, true, 1], "Expected 0 to 65535 for port but received 70000"],
    [["127.0.0.1", 0, 1, 1], "Expected a boolean for isServer but received number"],
    [["127.0.0.1", 0, true, 0], "Expected 1 to 86400000 milliseconds for timeout but received 0"],
    [["127.0.0.1", 0, true, 2 ** 50], "Expected 1 to 86400000 milliseconds for timeout"],
    [["no such host.", 0, true, 1], "The address no such host. is not known"],
  ])("refuses %j", (args, message) => {
    const open = native.tcpStore as (...args: unknown[]) => unknown;
    expect(() => open(...args)).toThrow(message);
  });

  it("is not anything else", () => {
    const get = native.storeGet as (...args: unknown[]) => unknown;
    expect(() => get({}, "key")).toThrow("Expected a store but received something else");
    expect(() => get(torch.generator(1).handle, "key")).toThrow("Expected a store");
  });
});

describe("a group of one", () => {
  const group = (): torch.ProcessGroup => {
    const store = torch.Store.file(join(folder, `group-${Math.random()}`), TIMEOUT);
    const membership = { store, rank: 0, size: 1, timeout: TIMEOUT };
    return torch.ProcessGroup.gloo(membership, { address: "127.0.0.1" });
  };

  it("reduces, gathers and scatters its own tensors", () => {
    const own = group();
    torch.tidy(() => {
      const tensor = torch.tensor([[1, 2]]);
      own.allReduce(tensor);
      own.broadcast(tensor);
      expect(own.allGather(tensor).tolist()).toEqual([[1, 2]]);
      expect(own.reduceScatter(tensor).tolist()).toEqual([[1, 2]]);
    });
  });

  it("averages gradients, and names a parameter that got none", () => {
    const own = group();
    torch.tidy(() => {
      const [used, unused] = [0, 1].map(() => torch.ones([2]).requiresGrad_(true)) as [
        torch.Tensor,
        torch.Tensor,
      ];
      const reducer = new torch.GradientReducer(own, new Map([["used", used]]));
      reducer.announce();
      torch.backward(used.mul(3).sum());
      reducer.check();
      expect(used.grad?.tolist()).toEqual([3, 3]);
      reducer.dispose();
      used.grad = undefined;
      const both = new torch.GradientReducer(
        own,
        new Map([
          ["used", used],
          ["unused", unused],
        ]),
      );
      both.announce();
      torch.backward(used.mul(3).sum());
      expect(() => both.check()).toThrow("Expected to have finished reduction");
      both.dispose();
    });
  });

  it("has no NCCL where libtorch has no CUDA", () => {
    const store = torch.Store.file(join(folder, "nccl"), TIMEOUT);
    const membership = { store, rank: 0, size: 1, timeout: TIMEOUT };
    if (native.hasNccl()) return;
    expect(() => torch.ProcessGroup.nccl(membership)).toThrow("This addon has no NCCL");
  });
});

describe("what libtorch takes for granted", () => {
  const group = (name: string): torch.ProcessGroup =>
    torch.ProcessGroup.gloo(
      {
        store: torch.Store.file(join(folder, name), TIMEOUT),
        rank: 0,
        size: 1,
        timeout: TIMEOUT,
      },
      { address: "127.0.0.1" },
    );

  it("is asked of a reducer, whose process would end", () => {
    const { handle } = group("reducer");
    using leaf = torch.zeros([2]).requiresGrad_();
    using plain = torch.zeros([2]);
    const of = (tensors: readonly torch.Tensor[], names: readonly string[], bytes = 1024) =>
      native.reducerNew(
        handle,
        tensors.map((tensor) => tensor.handle),
        names,
        bytes,
      );
    expect(() => of([], [])).toThrow("Expected one or more parameters, with a name each");
    expect(() => of([leaf], [])).toThrow("Expected one or more parameters, with a name each");
    expect(() => of([plain], ["w"])).toThrow(
      "Expected parameters that are leaves with requiresGrad",
    );
    using meta = torch.zeros([2], { device: "meta" }).requiresGrad_();
    expect(() => of([meta], ["w"])).toThrow(
      "Expected parameters with memory but received one on meta",
    );
    expect(() => of([leaf], ["w"], 0)).toThrow(
      "Expected 1 or more for bucket bytes but received 0",
    );
    const reducer = of([leaf], ["w"]);
    native.reducerFree(reducer);
    for (const call of [native.reducerPrepare, native.reducerCheck]) {
      expect(() => call(reducer)).toThrow("Expected a reducer that was not freed");
    }
  });

  it("is asked of slices, which Gloo would end the process over", () => {
    const { handle } = group("slices");
    using scalar = torch.zeros([]);
    using rows = torch.zeros([2, 3]);
    using others = torch.zeros([2, 3], { dtype: "int64" });
    using more = torch.zeros([3, 3]);
    for (const [output, input] of [
      [scalar, scalar],
      [scalar, rows],
      [rows, others],
      [rows, more],
    ] as const) {
      expect(() => native.reduceScatter(handle, output.handle, input.handle, "sum")).toThrow(
        "Expected an output of the input's type, with its rows divided by the number of ranks",
      );
    }
  });
});
