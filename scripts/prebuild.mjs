// Makes the addon that travels with the package, against the libtorch that set-up found: npm run prebuilt -- [FOLDER OF A TORCH PACKAGE]
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { addonSources, BUILD, hashOf, ROOT } from "./setup/files.mjs";
import { prebuiltFolder } from "./setup/prebuilt.mjs";
import { inspectTorch, isForCuda } from "./setup/torch.mjs";

/** The newest symbols that a supported system has: those of Debian 12, Ubuntu 22.04 and RHEL 9. */
const NEWEST = { GLIBC: [2, 34], GLIBCXX: [3, 4, 29], CXXABI: [1, 3, 13] };

function prebuild(named) {
  const torch = named ? { folder: path.resolve(named), ...inspectTorch(named) } : ofSetUp();
  if (torch.problem !== undefined) throw new Error(`${torch.folder} ${torch.problem}`);
  if (isForCuda(torch))
    throw new Error(`${torch.folder} is a build for CUDA: name the folder of one for the CPU`);
  const work = fs.mkdtempSync(path.join(os.tmpdir(), "pixart-prebuild-"));
  try {
    const headers = createRequire(import.meta.url)("node-api-headers").include_dir;
    const options = [`-DTORCH_DIR=${torch.folder}`, `-DNODE_API_HEADERS=${headers}`];
    cmake("-S", ROOT, "-B", work, "-DPORTABLE=ON", ...options);
    cmake("--build", work, "--target", "pixart", "--parallel", `${os.availableParallelism()}`);
    const addon = path.join(work, "pixart.node");
    if (process.platform === "linux") check(addon, torch.folder);
    const folder = prebuiltFolder(torch.version);
    fs.rmSync(folder, { recursive: true, force: true });
    fs.mkdirSync(folder, { recursive: true });
    fs.copyFileSync(addon, path.join(folder, "pixart.node"));
    const facts = { sources: hashOf(addonSources()), torch: torch.version };
    fs.writeFileSync(path.join(folder, "prebuilt.json"), `${JSON.stringify(facts, null, 2)}\n`);
    console.error(`Built ${path.relative(ROOT, folder)} against libtorch ${torch.version}.`);
  } finally {
    fs.rmSync(work, { recursive: true });
  }
}

function ofSetUp() {
  const file = path.join(BUILD, "stamp.json");
  if (!fs.existsSync(file)) throw new Error("There is no libtorch to build against: npm run setup");
  return JSON.parse(fs.readFileSync(file, "utf8")).torch;
}

const cmake = (...args) => execFileSync("cmake", args, { stdio: ["ignore", "ignore", "inherit"] });

/** Throws where older systems lack a symbol, or where the file holds a folder of this machine. */
function check(addon, torch) {
  const symbols = execFileSync("objdump", ["-T", addon], { encoding: "utf8" });
  for (const [, name, version] of symbols.matchAll(/\b(GLIBC|GLIBCXX|CXXABI)_(\d[\d.]*)/g)) {
    const [own, most] = [version.split(".").map(Number), NEWEST[name]];
    const at = most.findIndex((number, i) => number !== (own[i] ?? 0));
    if (at >= 0 && (own[at] ?? 0) > most[at])
      throw new Error(`The addon needs ${name}_${version}, newer than ${most.join(".")}`);
  }
  const bytes = fs.readFileSync(addon);
  const folder = [torch, ROOT].find((one) => bytes.includes(one));
  if (folder !== undefined) throw new Error(`The addon holds the name of this machine's ${folder}`);
}

prebuild(process.argv[2]);
