// What set-up says, and the programs that it starts.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { ROOT } from "./files.mjs";

const OLDEST_PYTHON = [3, 10];

/** Something that the user can cure; the message is one sentence that says how. */
export class SetupError extends Error {}

export function say(text) {
  process.stderr.write(`pixart set-up: ${text}\n`);
}

function run(command, args, stdio) {
  return spawnSync(command, args, { cwd: ROOT, encoding: "utf8", maxBuffer: 2 ** 28, stdio });
}

export const works = (command, ...args) => run(command, args).status === 0;

export const output = (command, ...args) => run(command, args).stdout?.trim();

/** Runs a command that shows its own progress; stdout stays free for data. */
export function stream(command, args, failure) {
  if (run(command, args, ["ignore", 2, 2]).status !== 0) throw new SetupError(failure);
}

/** Runs a command that is only worth reading when it fails. */
export function quietly(command, args, failure) {
  const { status, stdout, stderr } = run(command, args);
  if (status === 0) return;
  process.stderr.write(`${stdout}${stderr}`);
  throw new SetupError(failure);
}

/** Below 0, 0 or above 0, as the leading numbers of a dotted version stand to `wanted`. */
export function compare(version, wanted) {
  const parts = version.split(/[.+]/).map(Number);
  const at = wanted.findIndex((number, i) => number !== parts[i]);
  return at === -1 ? 0 : parts[at] - wanted[at];
}

/** Throws one sentence that names every missing tool and the command that installs them. */
export function checkTools({ build, venv }) {
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
