// libtorch: which one there is, and how pip gets one.
import fs from "node:fs";
import path from "node:path";
import { ROOT, VENV, VENV_NAME, VENV_PYTHON } from "./files.mjs";
import { compare, output, SetupError, say, stream, works } from "./tools.mjs";

/** What the project's own copy of libtorch is; a copy from elsewhere may be any supported one. */
export const TORCH = "2.13.0";
const SUPPORTED_TORCH = { first: [2, 11], last: [2, 13], text: "2.11 to 2.13" };
const CPU_INDEX = "https://download.pytorch.org/whl/cpu";

/** The libtorch to build against: the one that the user names, else python3's, else the project's own. */
export function findTorch() {
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
export function ownTorch() {
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
export function inspectTorch(folder) {
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

/** Whether a libtorch has the parts for CUDA. */
export const isForCuda = ({ folder }) =>
  fs.existsSync(path.join(folder, "lib", "libtorch_cuda.so"));

/** Whether there is a driver of NVIDIA's, without which torch's build for CUDA is gigabytes for nothing. */
export const hasGpu = () =>
  fs.existsSync("/proc/driver/nvidia/version") || works("nvidia-smi", "-L");

/** What pip is to bring: torch, and for tests what the results are compared with. */
export const pythonPackages = (test) => [`torch==${TORCH}`, ...(test ? parityPackages() : [])];

function parityPackages() {
  const text = fs.readFileSync(path.join(ROOT, "scripts", "parity-requirements.txt"), "utf8");
  return text.split("\n").filter((line) => line && !line.startsWith("#"));
}

/** Whether the environment has exactly these `name==version`. */
export function venvHas(packages) {
  const check =
    "import sys, importlib.metadata as m; assert all(m.version(n).split('+')[0] == v for n, v in (p.split('==') for p in sys.argv[1:]))";
  return works(VENV_PYTHON, "-c", check, ...packages);
}

/** Brings packages into an environment of the project's own. */
export function installPython(packages, { isNew }) {
  if (isNew) {
    say(`Making a Python environment in ${VENV_NAME}.`);
    stream("python3", ["-m", "venv", "--clear", VENV], "Python could not make it; see above.");
  }
  const index = cpuIndex();
  const size = index === undefined ? "may be gigabytes" : "for the CPU is 0.2 GB";
  say(`Installing ${packages.join(", ")} into ${VENV_NAME}; torch ${size}.`);
  const failure = "pip could not install the packages; its reason is above.";
  const talk = process.stderr.isTTY ? [] : ["--quiet"];
  const options = index === undefined ? talk : [...talk, "--extra-index-url", index];
  stream(VENV_PYTHON, ["-m", "pip", "install", ...options, ...packages], failure);
}

/**
 * Where pip finds the build for the CPU too, which it prefers then: on Linux without a GPU, unless pip was told where to look, or
 * the place does not answer.
 */
function cpuIndex() {
  if (process.platform !== "linux" || hasGpu()) return undefined;
  const settings = output(VENV_PYTHON, "-m", "pip", "config", "list") ?? "";
  if (/\.((extra-)?index-url|no-index|find-links)=/.test(settings)) return undefined;
  const index = process.env.PIXART_TORCH_INDEX ?? CPU_INDEX;
  // With what pip asks with, which knows the proxies and certificates of this machine.
  const ask =
    "import sys; from pip._vendor import requests; requests.head(sys.argv[1], timeout=5, allow_redirects=True).raise_for_status()";
  return works(VENV_PYTHON, "-c", ask, index) ? index : undefined;
}
