// The addon: built, taken from the package, or kept from an earlier set-up.
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import {
  ADDON,
  addonSources,
  BUILD,
  hashOf,
  IS_INSTALLED,
  ROOT,
  readStamp,
  STATE,
  writeStamp,
} from "./files.mjs";
import { fitsPrebuilt, LIBTORCH_LINK, takePrebuilt } from "./prebuilt.mjs";
import { quietly, say, works } from "./tools.mjs";

/** Whether build/ lacks the addon of these sources and this libtorch. */
export const needsAddon = (torch) => addonHash(torch) !== readStamp("stamp", ADDON);

/** What a finished build is known by. Where it is installed is no matter: the same addon serves all projects. */
function addonHash(torch) {
  const facts = [
    IS_INSTALLED ? "" : ROOT,
    torch.folder,
    torch.version,
    process.platform,
    process.arch,
  ];
  return hashOf(addonSources(), facts);
}

export function buildAddon(torch) {
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
  keepAddon();
}

/** Spares an installed package the build, and says whether it could. A checkout builds what its sources say. */
export const takeAddon = (torch) => IS_INSTALLED && (restoreAddon(torch) || unpackAddon(torch));

/** Takes the addon that came with the package, and says whether it was of use. */
function unpackAddon(torch) {
  if (!needsAddon(torch) || !fitsPrebuilt(torch)) return false;
  say(
    `Taking the addon that comes with the package, for libtorch ${torch.version} of ${torch.source}.`,
  );
  const problem = takePrebuilt(torch, BUILD);
  if (problem !== undefined) {
    say(`It does not load here: ${problem}`);
    return false;
  }
  writeStamp("stamp", { hash: addonHash(torch), torch });
  keepAddon();
  return true;
}

function keptFolder() {
  const { version } = JSON.parse(fs.readFileSync(path.join(ROOT, "package.json"), "utf8"));
  return path.join(STATE, `${version}-${process.platform}-${process.arch}`);
}

/** For set-ups after npm has removed build/. */
function keepAddon() {
  if (IS_INSTALLED) copyAddon(BUILD, keptFolder());
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
  for (const name of ["stamp.json", LIBTORCH_LINK]) fs.rmSync(path.join(to, name), { force: true });
  const link = path.join(from, LIBTORCH_LINK);
  if (fs.existsSync(link)) fs.symlinkSync(fs.readlinkSync(link), path.join(to, LIBTORCH_LINK));
  for (const name of ["pixart.node", "stamp.json"]) {
    fs.copyFileSync(path.join(from, name), path.join(to, `${name}.new`));
    fs.renameSync(path.join(to, `${name}.new`), path.join(to, name));
  }
}
