// Gets what pixart needs and this machine lacks: npm packages, libtorch, the native addon, dist/.
// Plain Node without dependencies, because it runs before any package is installed.
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { buildAddon, needsAddon, takeAddon } from "./setup/addon.mjs";
import {
  filesUnder,
  hashOf,
  ROOT,
  readStamp,
  STATE,
  VENV_NAME,
  VENV_PYTHON,
  writeStamp,
} from "./setup/files.mjs";
import { lock } from "./setup/lock.mjs";
import { hasPrebuilt } from "./setup/prebuilt.mjs";
import { checkTools, compare, quietly, SetupError, say, stream, works } from "./setup/tools.mjs";
import {
  findTorch,
  hasGpu,
  installPython,
  ownTorch,
  pythonPackages,
  TORCH,
  venvHas,
} from "./setup/torch.mjs";

const OLDEST_NODE = [20, 19];

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
  const found = findTorch();
  const taken = found !== undefined && takeAddon(found);
  const packages = pythonPackages(test);
  const install = found === undefined || (test && !venvHas(packages));
  const venv = install && !works(VENV_PYTHON, "-m", "pip", "--version");
  // Of a libtorch that is still to come it is not known yet.
  const builds = found === undefined ? hasGpu() || !hasPrebuilt(TORCH) : needsAddon(found);
  // Before the long downloads, so that nobody waits for them only to learn that CMake is missing.
  checkTools({ build: builds, venv });
  if (install) installPython(packages, { isNew: venv });
  const torch = found ?? ownTorch();
  if (torch === undefined) {
    throw new SetupError(
      `The torch package in ${VENV_NAME} is damaged: delete that folder and run set-up again.`,
    );
  }
  const takenLate = found === undefined && takeAddon(torch);
  const build = needsAddon(torch);
  if (build) {
    if (!builds) checkTools({ build, venv: false });
    buildAddon(torch);
  }
  return taken || takenLate || build || install;
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
    path.join("scripts", "bundle-program.mjs"),
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
