// Gets what pixart needs and this machine lacks: npm packages, libtorch, the native addon, dist/.
// Plain Node without dependencies, because it runs before any package is installed.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { lock } from "./setup-lock.mjs";

const OLDEST_NODE = [20, 19];
const OLDEST_PYTHON = [3, 10];
/** What the project's own copy of libtorch is; a copy from elsewhere may be any supported one. */
const TORCH = "2.13.0";
const SUPPORTED_TORCH = { first: [2, 11], last: [2, 13], text: "2.11 to 2.13" };

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const BUILD = path.join(ROOT, "build");
const ADDON = path.join(BUILD, "pixart.node");
/** npm removes what a package was given after its installation, so what took long is kept elsewhere. */
const IS_INSTALLED = path.basename(path.dirname(ROOT)) === "node_modules";
const STATE = IS_INSTALLED ? cacheFolder() : path.join(ROOT, ".pixart");
const VENV = path.join(STATE, "python");
const VENV_NAME = IS_INSTALLED ? VENV : ".pixart/python";
const VENV_PYTHON = path.join(VENV, "bin", "python");

/** Something that the user can cure; the message is one sentence that says how. */
class SetupError extends Error {}

/**
 * Sets up the package that this script belongs to: libtorch and the addon, and in a checkout the npm
 * packages and dist/ as well. `test` adds the Python packages that the parity tests compare with.
 */
export function setUp({ test = false } = {}) {
  checkHost();
  const unlock = lock(path.join(STATE, "setup.lock"), say);
  try {
    // npm leaves the lockfile out of what it publishes.
    const checkout = fs.existsSync(path.join(ROOT, "package-lock.json"));
    const steps = [
      checkout && installPackages(),
      prepareEngine(test),
      checkout && compileSources(),
    ];
    say(steps.includes(true) ? "Done." : "Nothing is missing.");
  } finally {
    unlock();
  }
}

function checkHost() {
  if (compare(process.versions.node, OLDEST_NODE) < 0) {
    throw new SetupError(
      `Node.js ${process.versions.node} is too old: install Node.js ${OLDEST_NODE.join(".")} or newer.`,
    );
  }
  if (process.platform !== "linux" && process.platform !== "darwin") {
    throw new SetupError("pixart runs on Linux and macOS: on Windows, run it inside WSL.");
  }
}

// npm packages

function installPackages() {
  const installed = path.join(ROOT, "node_modules", ".package-lock.json");
  const wanted = path.join(ROOT, "package-lock.json");
  if (fs.existsSync(installed) && fs.statSync(installed).mtimeMs >= fs.statSync(wanted).mtimeMs) {
    return false;
  }
  say("Installing the npm packages of package-lock.json.");
  const options = ["--ignore-scripts", "--no-audit", "--no-fund"];
  stream("npm", ["ci", ...options], "npm could not install the packages; its reason is above.");
  return true;
}

// libtorch, the addon, Python packages

function prepareEngine(test) {
  let torch = findTorch();
  const restored = IS_INSTALLED && torch !== undefined && restoreAddon(torch);
  const build = torch === undefined || addonHash(torch) !== readStamp("stamp", ADDON);
  const packages = test ? [`torch==${TORCH}`, ...parityPackages()] : [`torch==${TORCH}`];
  const install = torch === undefined || (test && !venvHas(packages));
  const venv = install && !works(VENV_PYTHON, "-m", "pip", "--version");
  // Before the long downloads, so that nobody waits for them only to learn that CMake is missing.
  checkTools({ build, venv });
  if (venv) {
    say(`Making a Python environment in ${VENV_NAME}.`);
    stream("python3", ["-m", "venv", "--clear", VENV], "Python could not make it; see above.");
  }
  if (install) {
    say(`Installing ${packages.join(", ")} into ${VENV_NAME}; torch may be gigabytes.`);
    const failure = "pip could not install the packages; its reason is above.";
    const talk = process.stderr.isTTY ? [] : ["--quiet"];
    stream(VENV_PYTHON, ["-m", "pip", "install", ...talk, ...packages], failure);
  }
  torch ??= ownTorch();
  if (torch === undefined) {
    throw new SetupError(
      `The torch package in ${VENV_NAME} is damaged: delete that folder and run set-up again.`,
    );
  }
  if (build) buildAddon(torch);
  if (IS_INSTALLED && build) copyAddon(BUILD, keptFolder());
  return restored || build || install;
}

/** The libtorch to build against: the one that the user names, else python3's, else the project's own. */
function findTorch() {
  const named = process.env.PIXART_LIBTORCH;
  if (named) {
    const { problem, ...torch } = inspectTorch(path.resolve(named));
    if (problem === undefined) return { ...torch, source: "PIXART_LIBTORCH" };
    throw new SetupError(
      `PIXART_LIBTORCH is ${named}, which ${problem}: set it to the folder of a torch package or libtorch ${SUPPORTED_TORCH.text}, or unset it.`,
    );
  }
  // Asked where it is and not imported, which takes seconds.
  const folder = output(
    "python3",
    "-c",
    "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')",
  );
  if (folder) {
    const { problem, ...torch } = inspectTorch(folder);
    if (problem === undefined) return { ...torch, source: "the python3 on the PATH" };
    say(
      `Passing over the torch of the python3 on the PATH, which ${problem} (supported: ${SUPPORTED_TORCH.text}).`,
    );
  }
  return ownTorch();
}

/** The torch in VENV, once pip has finished installing it. */
function ownTorch() {
  const lib = path.join(VENV, "lib");
  const [python] = fs.existsSync(lib) ? fs.readdirSync(lib) : [];
  if (python === undefined) return undefined;
  const packages = path.join(lib, python, "site-packages");
  // pip writes the RECORD last.
  const finished = fs
    .readdirSync(packages)
    .filter((name) => /^torch-.*\.dist-info$/.test(name))
    .some((name) => fs.existsSync(path.join(packages, name, "RECORD")));
  if (!finished) return undefined;
  const torch = inspectTorch(path.join(packages, "torch"));
  if (torch.version?.split("+")[0] !== TORCH) return undefined;
  return { ...torch, source: VENV_NAME };
}

/** The version of the libtorch in a folder, or the problem with it. */
function inspectTorch(folder) {
  const inside = (name) => path.join(folder, name);
  if (!fs.existsSync(folder)) return { problem: "does not exist" };
  const libraries = ["lib/libtorch_cpu.so", "lib/libtorch_cpu.dylib"].map(inside);
  if (!libraries.some(fs.existsSync) || !fs.existsSync(inside("include/ATen"))) {
    return { problem: "has no include/ATen and lib/libtorch_cpu" };
  }
  // A Python wheel has version.py, a libtorch archive has build-version.
  const file = ["version.py", "build-version"].map(inside).find(fs.existsSync);
  const version = file && /\d+\.\d+\.\d+[^\s'"]*/.exec(fs.readFileSync(file, "utf8"))?.[0];
  if (!version) return { problem: "does not tell its version in version.py or build-version" };
  if (compare(version, SUPPORTED_TORCH.first) < 0 || compare(version, SUPPORTED_TORCH.last) > 0) {
    return { problem: `holds libtorch ${version}` };
  }
  return { folder: fs.realpathSync(folder), version };
}

/** What a finished build is known by. Where it is installed is no matter: the same addon serves all projects. */
function addonHash(torch) {
  const facts = [
    IS_INSTALLED ? "" : ROOT,
    torch.folder,
    torch.version,
    process.platform,
    process.arch,
  ];
  return hashOf(["CMakeLists.txt", ...filesUnder("native")], facts);
}

function buildAddon(torch) {
  say(`Building the addon against libtorch ${torch.version} of ${torch.source}: a minute or two.`);
  const hash = addonHash(torch);
  // The cache remembers the compiler and folders of the last build; the objects may stay.
  fs.rmSync(path.join(BUILD, "CMakeCache.txt"), { force: true });
  const headers = createRequire(import.meta.url)("node-api-headers").include_dir;
  const folders = [`-DTORCH_DIR=${torch.folder}`, `-DNODE_API_HEADERS=${headers}`];
  const failure = "The addon could not be built; the reason is above.";
  const generator = works("make", "--version") ? "Unix Makefiles" : "Ninja";
  quietly("cmake", ["-S", ROOT, "-B", BUILD, "-G", generator, ...folders], failure);
  quietly("cmake", ["--build", BUILD, "--parallel", `${os.availableParallelism()}`], failure);
  writeStamp("stamp", { hash, torch });
}

// What outlives a clean install

/** As src/files/package/engine-folder.ts, which finds the addon there where npm has removed build/. */
function cacheFolder() {
  const { PIXART_CACHE, XDG_CACHE_HOME } = process.env;
  const system =
    process.platform === "darwin"
      ? path.join(os.homedir(), "Library", "Caches")
      : XDG_CACHE_HOME || path.join(os.homedir(), ".cache");
  return PIXART_CACHE || path.join(system, "pixart");
}

function keptFolder() {
  const { version } = JSON.parse(fs.readFileSync(path.join(ROOT, "package.json"), "utf8"));
  return path.join(STATE, `${version}-${process.platform}-${process.arch}`);
}

/** Whether build/ had none and has now the addon that an earlier set-up made of the same sources and libtorch. */
function restoreAddon(torch) {
  if (fs.existsSync(ADDON)) return false;
  const kept = keptFolder();
  if (readStamp("stamp", path.join(kept, "pixart.node"), kept) !== addonHash(torch)) return false;
  say(`Taking the addon that an earlier set-up built, from ${kept}.`);
  copyAddon(kept, BUILD);
  return true;
}

/** The stamp last: without it there is no finished build. */
function copyAddon(from, to) {
  fs.mkdirSync(to, { recursive: true });
  fs.rmSync(path.join(to, "stamp.json"), { force: true });
  for (const name of ["pixart.node", "stamp.json"]) {
    fs.copyFileSync(path.join(from, name), path.join(to, `${name}.new`));
    fs.renameSync(path.join(to, `${name}.new`), path.join(to, name));
  }
}

function parityPackages() {
  const text = fs.readFileSync(path.join(ROOT, "scripts", "parity-requirements.txt"), "utf8");
  return text.split("\n").filter((line) => line && !line.startsWith("#"));
}

/** Whether .pixart/python has exactly these `name==version`. */
function venvHas(packages) {
  const check =
    "import sys, importlib.metadata as m; assert all(m.version(n).split('+')[0] == v for n, v in (p.split('==') for p in sys.argv[1:]))";
  return works(VENV_PYTHON, "-c", check, ...packages);
}

// dist/

function compileSources() {
  const sources = ["src", "page"].flatMap(filesUnder).filter((file) => !file.endsWith(".test.ts"));
  const bundler = path.join("scripts", "bundle.mjs");
  const settings = [
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "tsconfig.build.json",
    bundler,
  ];
  const hash = hashOf([...settings, ...sources]);
  const product = path.join(ROOT, "dist", "bundle", "main.js");
  if (hash === readStamp("dist", product)) return false;
  say("Compiling src/ into dist/.");
  const tsc = path.join(ROOT, "node_modules", "typescript", "bin", "tsc");
  const failure = "src/ could not be compiled; the reason is above.";
  quietly(process.execPath, [tsc, "-p", "tsconfig.build.json"], failure);
  quietly(process.execPath, [path.join(ROOT, bundler)], failure);
  writeStamp("dist", { hash });
  return true;
}

// Tools

/** Throws one sentence that names every missing tool and the command that installs them. */
function checkTools({ build, venv }) {
  const missing = [];
  const need = (present, name, apt, mac) => present || missing.push({ name, apt, mac });
  if (build) {
    const compilers = process.env.CXX ? [process.env.CXX] : ["c++", "g++", "clang++"];
    const compiler = compilers.some((name) => works(name, "--version"));
    need(compiler, "a C++ compiler", "g++", "xcode-select --install");
    need(works("cmake", "--version"), "CMake", "cmake", "brew install cmake");
    const builder = works("make", "--version") || works("ninja", "--version");
    need(builder, "make", "make", "xcode-select --install");
  }
  if (venv) {
    const python = works("python3", "-c", "import venv, ensurepip");
    need(python, "Python 3 with venv and pip", "python3-venv", "brew install python");
  }
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(", ");
    throw new SetupError(`Missing: ${names}; ${cure(missing)}.`);
  }
  const python =
    venv && output("python3", "-c", "import platform; print(platform.python_version())");
  if (python && compare(python, OLDEST_PYTHON) < 0) {
    throw new SetupError(
      `The python3 on the PATH is Python ${python}: install Python ${OLDEST_PYTHON.join(".")} or newer and put it first on the PATH.`,
    );
  }
}

function cure(missing) {
  if (process.platform === "darwin") {
    return `install with: ${[...new Set(missing.map(({ mac }) => mac))].join(" && ")}`;
  }
  if (!fs.existsSync("/etc/debian_version")) return "install with your system's package manager";
  return `install with: sudo apt-get install ${missing.map(({ apt }) => apt).join(" ")}`;
}

function run(command, args, stdio) {
  return spawnSync(command, args, { cwd: ROOT, encoding: "utf8", maxBuffer: 2 ** 28, stdio });
}

const works = (command, ...args) => run(command, args).status === 0;

const output = (command, ...args) => run(command, args).stdout?.trim();

/** Runs a command that shows its own progress; stdout stays free for data. */
function stream(command, args, failure) {
  if (run(command, args, ["ignore", 2, 2]).status !== 0) throw new SetupError(failure);
}

/** Runs a command that is only worth reading when it fails. */
function quietly(command, args, failure) {
  const { status, stdout, stderr } = run(command, args);
  if (status === 0) return;
  process.stderr.write(`${stdout}${stderr}`);
  throw new SetupError(failure);
}

// Stamps

function filesUnder(folder) {
  return fs
    .readdirSync(path.join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)))
    .sort();
}

function hashOf(files, facts = []) {
  const hash = createHash("sha256").update(JSON.stringify(facts));
  for (const file of files) {
    const bytes = fs.readFileSync(path.join(ROOT, file));
    hash.update(`\0${file}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

/** The hash of what `product` was made from; undefined when it was not made. */
function readStamp(name, product, folder = BUILD) {
  const file = path.join(folder, `${name}.json`);
  if (!fs.existsSync(product) || !fs.existsSync(file)) return undefined;
  return JSON.parse(fs.readFileSync(file, "utf8")).hash;
}

function writeStamp(name, content) {
  fs.mkdirSync(BUILD, { recursive: true });
  const file = path.join(BUILD, `${name}.json`);
  fs.writeFileSync(`${file}.new`, `${JSON.stringify(content, null, 2)}\n`);
  fs.renameSync(`${file}.new`, file);
}

// Words and numbers

function say(text) {
  process.stderr.write(`pixart set-up: ${text}\n`);
}

/** Below 0, 0 or above 0, as the leading numbers of a dotted version stand to `wanted`. */
function compare(version, wanted) {
  const parts = version.split(/[.+]/).map(Number);
  const at = wanted.findIndex((number, i) => number !== parts[i]);
  return at === -1 ? 0 : parts[at] - wanted[at];
}

function main(options) {
  try {
    const unknown = options.find((option) => option !== "--test");
    if (unknown) throw new SetupError(`Expected --test or no option but received ${unknown}.`);
    setUp({ test: options.includes("--test") });
  } catch (error) {
    // What the file system refuses (no permission, no space) is the user's to cure as well.
    if (!(error instanceof SetupError) && error.syscall === undefined) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}

const script = process.argv[1];
if (script && fs.realpathSync(script) === fileURLToPath(import.meta.url))
  main(process.argv.slice(2));
