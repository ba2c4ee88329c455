// Addons that come with the package, so that set-up needs no compiler: made by scripts/prebuild.mjs.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { addonSources, hashOf, IS_INSTALLED, ROOT } from "./files.mjs";
import { isForCuda } from "./torch.mjs";

/** The link beside a prebuilt addon through which it finds libtorch. */
export const LIBTORCH_LINK = "libtorch";

/** Where the addon for a release of libtorch lies. libtorch keeps its binary interface within a minor release. */
export function prebuiltFolder(version) {
  const [major, minor] = version.split(".");
  const machine = `${process.platform}-${process.arch}`;
  return path.join(ROOT, "prebuilt", machine, `torch-${major}.${minor}`);
}

/** Whether an installed package has one of its own sources. */
export function hasPrebuilt(version) {
  if (!IS_INSTALLED) return false;
  const folder = prebuiltFolder(version);
  const facts = path.join(folder, "prebuilt.json");
  if (!fs.existsSync(facts) || !fs.existsSync(path.join(folder, "pixart.node"))) return false;
  return JSON.parse(fs.readFileSync(facts, "utf8")).sources === hashOf(addonSources());
}

/** Whether this libtorch can be used with one: it was built without the parts for CUDA, which need CUDA's own headers. */
export const fitsPrebuilt = (torch) => !isForCuda(torch) && hasPrebuilt(torch.version);

/** Puts it into `build`, and returns why it does not load there; undefined where it does. */
export function takePrebuilt(torch, build) {
  const addon = path.join(build, "pixart.node");
  const link = path.join(build, LIBTORCH_LINK);
  fs.mkdirSync(build, { recursive: true });
  for (const earlier of [addon, link]) fs.rmSync(earlier, { force: true });
  fs.symlinkSync(path.join(torch.folder, "lib"), link);
  fs.copyFileSync(path.join(prebuiltFolder(torch.version), "pixart.node"), addon);
  const load = ["-e", "require(process.argv[1])", addon];
  const { status, signal, stderr } = spawnSync(process.execPath, load, { encoding: "utf8" });
  if (status === 0) return undefined;
  for (const useless of [addon, link]) fs.rmSync(useless, { force: true });
  return /^Error: (.*)$/m.exec(stderr)?.[1] ?? `Node.js ended with ${signal ?? status}`;
}
