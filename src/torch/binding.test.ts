import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { type Ending, runChild } from "../../test/child.ts";
import { InvalidTypeError } from "../errors/index.ts";
import { type Handle, native } from "./binding.ts";
import * as torch from "./index.ts";

const shape = (value: unknown): number[] => native.shape(value as Handle);

describe("a handle", () => {
  const notTensors = [
    0,
    1,
    -1,
    0.5,
    2 ** 31 - 1,
    Number.NaN,
    -1 / 0,
    "1",
    {},
    undefined,
    null,
    true,
  ];

  it.each(notTensors.map((value) => ({ value })))("is not $value", ({ value }) => {
    expect(() => shape(value)).toThrow(
      new torch.TorchError("Expected a Tensor for tensor but received something else"),
    );
  });

  it.each([2 ** 31, 2 ** 31 + 0.5, 2 ** 52, 2 ** 53, 2 ** 60, 1e300, 1 / 0])(
    "is not %s",
    (value) => {
      expect(() => shape(value)).toThrow(torch.TensorDisposedError);
      expect(() => native.keep(value as Handle)).toThrow(torch.TensorDisposedError);
      expect(native.isDisposed(value as Handle)).toBe(true);
      native.dispose(value as Handle);
    },
  );

  it("is exactly one number", () => {
    using t = torch.zeros([3]);
    expect(shape(t.handle)).toEqual([3]);
    for (const near of [t.handle + 1 / 4, t.handle + 2 ** 31, t.handle - 2 ** 31, -t.handle]) {
      expect(() => shape(near)).toThrow(torch.TorchError);
    }
  });

  it("is not used again for the next tensor in its place", () => {
    const first = torch.zeros([1]);
    first.dispose();
    const handles = new Set<number>();
    for (let i = 0; i < 100; i++) {
      const t = torch.zeros([1]);
      handles.add(t.handle);
      t.dispose();
    }
    expect(handles.size).toBe(100);
    expect(handles.has(first.handle)).toBe(false);
  });
});

describe("native functions", () => {
  const call = native.call as (...args: unknown[]) => unknown;

  it.each([[], [undefined], ["add"], [1e9], [-1], [{}]])("refuse %j as an operator", (...args) => {
    expect(() => call(...args)).toThrow(new Error("Expected an operator's number"));
  });

  it("take more arguments than any operator has", () => {
    const neg = native.resolve("aten::neg");
    using t = torch.ones([1]);
    expect(() => call(neg, t.handle, ...new Array(100).fill(t.handle))).not.toThrow();
  });

  it("refuse handles of another kind", () => {
    const scope = native.heldScopeNew(torch.scopeName("s"));
    const rand = native.resolve("aten::rand.generator");
    expect(() => call(rand, [1], scope)).toThrow(
      new InvalidTypeError(
        "aten::rand.generator(): Expected a Generator for generator but received something else",
      ),
    );
    expect(() => native.heldScopeFree(torch.generator(1).handle as never)).toThrow(
      new torch.TorchError("Expected a Scope but received something else"),
    );
  });

  it("refuse to end a scope that was not begun", () => {
    expect(() => native.scopeEnd(undefined)).toThrow(new torch.TorchError("no scope is open"));
    expect(() => native.scopeBegin(1e6)).toThrow(
      new torch.TorchError("Expected a scope name's index"),
    );
  });

  it("pass errors of JavaScript on", () => {
    const cat = native.resolve("aten::cat");
    const list = Object.defineProperty([0], 0, {
      get: () => {
        throw new RangeError("on purpose");
      },
    });
    expect(() => call(cat, list, 0)).toThrow(new RangeError("on purpose"));
  });

  /** A list whose first element is `value`, after its getter has called `change`. */
  const changing = <T>(value: T, change: () => void): T[] =>
    Object.defineProperty([value], 0, {
      get: () => {
        change();
        return value;
      },
    });

  it("read a shape before the bytes, which reading it may take away", () => {
    const data = new Float32Array(4);
    const list = changing(4, () => structuredClone(data.buffer, { transfer: [data.buffer] }));
    expect(() => native.fromBytes(data, 6, list)).toThrow(
      new torch.TorchError("Expected 16 bytes of data for shape (4) float32 but received 0"),
    );
  });

  it("keep tensors in the scope that is open once they are read", () => {
    const name = torch.scopeName("changed");
    for (let i = 0; i < 2; i++) native.scopeBegin(name);
    const handle = native.fromBytes(new Float32Array(1), 6, [1]);
    const list = changing(handle, () => {
      native.scopeEnd(undefined); // the parent of the one that is being ended
      for (let i = 0; i < 2; i++) native.scopeBegin(name);
    });
    expect(native.scopeEnd(list)).toBe(false);
    expect(native.isDisposed(handle)).toBe(false);
    native.scopeEnd(undefined);
    expect(native.isDisposed(handle)).toBe(true);
    native.scopeEnd(undefined);
  });

  it("tell the shape of a tensor that is disposed meanwhile", () => {
    const handle = Math.abs(native.fromBytes(new Float32Array(6), 6, [2, 3])) as Handle;
    const others = new Set<Handle>();
    Object.defineProperty(Array.prototype, 0, {
      configurable: true,
      set: () => {
        native.dispose(handle);
        for (let i = 0; i < 10; i++)
          others.add(Math.abs(native.fromBytes(new Float32Array(72), 6, [8, 9])) as Handle);
      },
    });
    const [, second] = native.shape(handle);
    Reflect.deleteProperty(Array.prototype, 0);
    expect(native.isDisposed(handle)).toBe(true);
    expect(second).toBe(3);
    for (const other of others) native.dispose(other);
  });

  it("bound the number of threads", () => {
    const threads = native.threads();
    for (const count of [0, -1, 1025]) {
      expect(() => torch.setThreads(count)).toThrow(
        new torch.TorchError(`Expected 1 to 1024 for threads but received ${count}`),
      );
    }
    expect(native.threads()).toBe(threads);
  });
});

describe("engineInfo", () => {
  it("describes the loaded library", () => {
    const info = torch.engineInfo();
    expect(info.libtorch).toMatch(/^2\.\d+$/);
    expect(info.builtAgainst.startsWith(`${info.libtorch}.`)).toBe(true);
    expect(info.devices[0]).toBe("cpu");
    expect(info.devices.length > 1).toBe(info.cuda);
    expect(info.threads).toBeGreaterThan(0);
  });
});

/** What the loader is made of, below src/. */
const LOADER = [
  "errors/codes.ts",
  "errors/error-classes.ts",
  "errors/errors.ts",
  "errors/expected.ts",
  "errors/index.ts",
  "errors/public.ts",
  "files/package/cache-folder.ts",
  "files/package/engine-folder.ts",
  "files/package/package-folder.ts",
  "torch/binding.ts",
  "torch/errors.ts",
  "torch/spin.ts",
];

/** A folder with the loader alone, and whatever is to be found as its addon. */
const folder = mkdtempSync(join(tmpdir(), "pixart-binding-"));
afterAll(() => rmSync(folder, { recursive: true }));

function loader(name: string, addon?: string): URL {
  const root = join(folder, name);
  mkdirSync(join(root, "build"), { recursive: true });
  writeFileSync(join(root, "package.json"), '{ "name": "pixart", "type": "module" }');
  for (const file of LOADER) {
    const source = fileURLToPath(new URL(`../${file}`, import.meta.url));
    cpSync(source, join(root, "src", file));
  }
  if (addon !== undefined) writeFileSync(join(root, "build/pixart.node"), addon);
  return pathToFileURL(join(root, "src/torch/binding.ts"));
}

const expectHelp = ({ exitCode, stderr }: Ending, reason: RegExp): void => {
  expect(exitCode).toBe(1);
  const start = stderr.indexOf("Error: The engine could not be loaded.");
  const lines = stderr.slice(start).split("\n").slice(0, 5);
  expect(lines).toEqual([
    "Error: The engine could not be loaded.",
    expect.stringMatching(/^ {2}tried: .*build[/\\]pixart\.node$/),
    expect.stringMatching(reason),
    `  needed: the addon built for ${process.platform}-${process.arch}, and the libtorch (2.11 to 2.13) that it was built against`,
    "  fix: npx pixart setup   (in a checkout: npm run setup)",
  ]);
};

describe("loading", () => {
  it("says what is missing and how to get it", async () => {
    expectHelp(await runChild(loader("missing")), /^ {2}reason: Cannot find module/);
  });

  it("says so where the addon is damaged", async () => {
    expectHelp(await runChild(loader("damaged", "not a library")), /^ {2}reason: .*pixart\.node/);
  });

  it("refuses a libtorch other than the one that the addon was built against", async () => {
    const { exitCode, stderr } = await loadStandIn("other", "2.12.1", {});
    expect(exitCode).toBe(1);
    expect(stderr).toContain(
      "Error: The addon was built against libtorch 2.12.1, but libtorch 2.13 was loaded; rebuild it with: npx pixart setup",
    );
  });

  it.each([
    // By what else runs at that moment.
    { name: "unset", env: {}, spins: expect.stringMatching(/^(true|false)$/) },
    { name: "policy", env: { OMP_WAIT_POLICY: "active" }, spins: "" },
    { name: "count", env: { GOMP_SPINCOUNT: "5" }, spins: "" },
  ])("sets whether idle threads spin, unless told otherwise: $name", async (entry) => {
    const { exitCode, stdout } = await loadStandIn(entry.name, "2.13.0", entry.env);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: entry.spins });
  });
});

/** Loads a module that stands in for the addon, and says of itself what it is told to. */
function loadStandIn(
  name: string,
  builtAgainst: string,
  env: Readonly<Record<string, string>>,
): Promise<Ending> {
  const preload = join(folder, `${name}.mjs`);
  const info = { builtAgainst, loaded: "2.13" };
  writeFileSync(
    preload,
    `import Module from "node:module";
    Module._extensions[".node"] = (module) => {
      const setSpin = (spins) => console.log(spins);
      module.exports = { engineInfo: () => (${JSON.stringify(info)}), installErrors: () => {}, claimSpin: () => true, setSpin };
    };`,
  );
  return runChild(loader(name, ""), {
    node: ["--import", pathToFileURL(preload).href],
    env: { GOMP_SPINCOUNT: undefined, OMP_WAIT_POLICY: undefined, ...env },
  });
}
