import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it, vi } from "vitest";
import { doctor, shortenHome } from "../../src/cli/doctor.ts";
import { MadeUpPackage } from "./made-up-package.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

afterEach(() => {
  vi.unstubAllEnvs();
  vi.doUnmock("../../src/torch/index.ts");
});

describe("setup", () => {
  it("sets up the package that it is part of, and throws the sentence that says what is missing", async () => {
    const made = new MadeUpPackage();
    made.copy("src/cli/setup.ts");
    vi.stubEnv("PIXART_LIBTORCH", "/no/such/folder");
    const { setup } = (await import(made.path("src/cli/setup.ts"))) as {
      setup(): Promise<void>;
    };
    await expect(setup()).rejects.toThrow(
      "PIXART_LIBTORCH is /no/such/folder, which does not exist: ",
    );
    expect(fs.readdirSync(made.path(".pixart"))).toEqual([]);
  });
});

describe("doctor", () => {
  it("reports versions, the machine and the dtypes that were seen to compute", async () => {
    const report = await doctor();
    expect(report).toMatch(/^pixart +\d+\.\d+\.\d+\nNode\.js +\d+\.\d+\.\d+\n/);
    expect(report).toMatch(/^memory +[\d.]+ GiB free of [\d.]+ GiB$/m);
    expect(report).toMatch(/^libtorch +2\.1[1-3]\.\d+\S* of .+, in .+$/m);
    expect(report).toMatch(/^addon +loads libtorch 2\.1[1-3], built against 2\.1[1-3]\./m);
    expect(report).toMatch(/^cpu +computes in .*float32.*bool/m);
    expect(report).not.toContain("not in");
    expect(process.exitCode).toBeUndefined();
  });

  it("gives the same as JSON", async () => {
    const report = JSON.parse(await doctor({ json: true }));
    expect(report.node).toBe(process.versions.node);
    expect(report.memory.total).toBeGreaterThan(report.memory.free);
    const [cpu] = report.engine.devices;
    expect(cpu.device).toBe("cpu");
    expect(cpu.works).toEqual(expect.arrayContaining(["float32", "float64", "int64"]));
    expect(cpu.fails).toEqual([]);
  });

  it("says why the engine does not load, with exit code 1", async () => {
    vi.doMock("../../src/torch/index.ts", () => ({
      engineInfo: () => {
        throw new Error("The engine could not be loaded.\n  reason: libc10.so is not there");
      },
    }));
    expect(await doctor()).toMatch(
      /^addon +The engine could not be loaded\.\n +reason: libc10\.so is not there$/m,
    );
    expect(process.exitCode).toBe(1);
    process.exitCode = undefined;
  });

  it("does not show the home folder", async () => {
    const home = path.dirname(path.resolve(ROOT));
    vi.stubEnv("HOME", home);
    const report = await doctor();
    expect(report).not.toContain(`${home}/`);
    expect(report).toContain(`~/${path.basename(ROOT)}`);
  });

  it.each([
    ["/home/ann", "in /home/ann, /home/ann/x and /home/anna", "in ~, ~/x and /home/anna"],
    ["/", "in /usr", "in /usr"],
    ["/home/a+b", "/home/a+b/c", "~/c"],
  ])("writes ~ for the home folder %s", (home, text, shortened) => {
    expect(shortenHome(text, home)).toBe(shortened);
  });
});
