import { expect, it } from "vitest";
import { MadeUpPackage, madeUpTorch, temporaryFolder, write } from "./made-up-package.ts";

const DEBIAN_OR_OTHER = /(install with: (sudo apt-get install|xcode-select|brew)|package manager)/;

/** What set-up says when it stops: exactly one line, and no stack trace. */
async function refusal(
  made: MadeUpPackage,
  options: Parameters<MadeUpPackage["setUp"]>[0] = {},
): Promise<string> {
  const { exitCode, stdout, said } = await made.setUp(options);
  expect(said).toHaveLength(1);
  expect(stdout).toBe("");
  expect(exitCode).toBe(1);
  return said[0] ?? "";
}

const cases: [missing: string[], names: string, packages: string][] = [
  [["cmake"], "CMake", "cmake"],
  [["c++"], "a C++ compiler", "g++"],
  [["make"], "make", "make"],
  [["c++", "cmake", "make"], "a C++ compiler, CMake, make", "g++ cmake make"],
];

it.each(cases)("names what is missing without %s, and the cure", async (tools, names, packages) => {
  const said = await refusal(new MadeUpPackage().without(...tools), { torch: madeUpTorch() });
  expect(said.startsWith(`Missing: ${names}; `)).toBe(true);
  expect(said).toMatch(DEBIAN_OR_OTHER);
  if (said.includes("apt-get")) expect(said.endsWith(`apt-get install ${packages}.`)).toBe(true);
});

it("asks for Python only when libtorch has to be installed", async () => {
  const said = await refusal(new MadeUpPackage());
  expect(said).toContain("Missing: Python 3 with venv and pip; ");
  expect(said).toMatch(DEBIAN_OR_OTHER);
});

it("names every missing tool at once", async () => {
  const said = await refusal(new MadeUpPackage().without("cmake"));
  expect(said).toContain("Missing: CMake, Python 3 with venv and pip; ");
});

it("refuses a Python that torch has left behind", async () => {
  const python = 'case "$2" in *platform*) echo 3.8.1;; esac';
  const said = await refusal(new MadeUpPackage().withTool("python3", python));
  expect(said).toBe(
    "The python3 on the PATH is Python 3.8.1: install Python 3.10 or newer and put it first on the PATH.",
  );
});

it("does not take a torch whose installation was cut short", async () => {
  const made = new MadeUpPackage();
  const packages = ".pixart/python/lib/python3.12/site-packages";
  made.write(`${packages}/torch/version.py`, "__version__ = '2.13.0'\n");
  made.write(`${packages}/torch/include/ATen/ATen.h`, "");
  made.write(`${packages}/torch/lib/libtorch_cpu.so`, "");
  expect(await refusal(made)).toContain("Missing: Python 3 with venv and pip; ");
});

const CURE = "set it to the folder of a torch package or libtorch 2.11 to 2.13, or unset it.";

it("refuses a PIXART_LIBTORCH that does not exist", async () => {
  const said = await refusal(new MadeUpPackage(), { torch: "/no/such/folder" });
  expect(said).toBe(`PIXART_LIBTORCH is /no/such/folder, which does not exist: ${CURE}`);
});

it("refuses an empty PIXART_LIBTORCH", async () => {
  const torch = temporaryFolder();
  const said = await refusal(new MadeUpPackage(), { torch });
  expect(said).toBe(
    `PIXART_LIBTORCH is ${torch}, which has no include/ATen and lib/libtorch_cpu: ${CURE}`,
  );
});

it.each(["2.5.0", "2.10.1+cu128", "2.14.0", "1.13.1"])("refuses libtorch %s", async (version) => {
  const torch = madeUpTorch(version);
  const said = await refusal(new MadeUpPackage(), { torch });
  expect(said).toBe(`PIXART_LIBTORCH is ${torch}, which holds libtorch ${version}: ${CURE}`);
});

it("refuses a libtorch of unknown version", async () => {
  const torch = madeUpTorch();
  write(`${torch}/version.py`, "debug = False\n");
  expect(await refusal(new MadeUpPackage(), { torch })).toContain("does not tell its version");
});

it.each(["18.20.8", "20.18.3"])("refuses Node.js %s", async (version) => {
  const versions = `{ value: { ...process.versions, node: "${version}" } }`;
  const older = `data:text/javascript,Object.defineProperty(process, "versions", ${versions});`;
  const said = await refusal(new MadeUpPackage(), { nodeArgs: ["--import", older] });
  expect(said).toBe(`Node.js ${version} is too old: install Node.js 20.19 or newer.`);
});

it("refuses an option that it does not know", async () => {
  const said = await refusal(new MadeUpPackage(), { args: ["--tests"] });
  expect(said).toBe("Expected --test or no option but received --tests.");
});

it("says in one line what the file system refuses", async () => {
  const made = new MadeUpPackage();
  made.write(".pixart", "not a folder");
  expect(await refusal(made, { torch: madeUpTorch() })).toMatch(/^(ENOTDIR|EEXIST): .+\.pixart/);
});
