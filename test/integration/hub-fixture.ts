import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished, vi } from "vitest";
import type { WantedFile } from "../../src/hub/index.ts";
import type { RepositoryType } from "../../src/hub/repository-name.ts";
import { HubServer } from "./hub-server.ts";

/** Large enough that a connection can break in the middle of it. */
export const weights: Buffer = Buffer.alloc(600_000, "weights of a transformer ");

/** The files of a small model, with some that nobody asks for. */
export const modelFiles: Readonly<Record<string, Buffer | string>> = {
  "README.md": "# A model",
  "transformer/config.json": '{"layers": 2}',
  "transformer/diffusion_pytorch_model.safetensors": weights,
  "transformer/diffusion_pytorch_model.bin": "pickled",
  "transformer/diffusion_pytorch_model.fp16.safetensors": "half",
  "vae/config.json": '{"layers": 3}',
};

/** What a transformer's loader asks for. */
export const transformerFiles: readonly WantedFile[] = [
  { names: ["transformer/config.json"] },
  {
    names: [
      "transformer/diffusion_pytorch_model.safetensors",
      "transformer/diffusion_pytorch_model.safetensors.index.json",
      "transformer/diffusion_pytorch_model.bin",
    ],
  },
];

/** A Hub with a model, an empty cache and an environment that knows of both, for the length of a test. */
export interface TestHub {
  readonly server: HubServer;
  readonly commit: string;
  /** `HF_HUB_CACHE`. */
  readonly cache: string;
  /** The repository's folder in it. */
  readonly model: string;
  /** All that was written to stderr. */
  readonly talk: () => string;
}

export const name = "someone/tiny-pixart";

/** Starts {@link TestHub}. */
export async function testHub(
  files = modelFiles,
  type: RepositoryType = "model",
  hosts?: Parameters<HubServer["start"]>[0],
): Promise<TestHub> {
  const server = new HubServer(name, (path) => /\.(safetensors|bin|parquet)$/.test(path), type);
  const commit = server.commit(files);
  await server.start(hosts);
  const home = realpathSync(mkdtempSync(join(tmpdir(), "pixart-hub-")));
  const environment = {
    HF_ENDPOINT: server.endpoint,
    HF_HOME: home,
    HF_HUB_CACHE: undefined,
    HUGGINGFACE_HUB_CACHE: undefined,
    HF_HUB_OFFLINE: undefined,
    TRANSFORMERS_OFFLINE: undefined,
    HF_TOKEN: undefined,
    HUGGING_FACE_HUB_TOKEN: undefined,
    HF_TOKEN_PATH: undefined,
    HF_HUB_DISABLE_PROGRESS_BARS: undefined,
    http_proxy: undefined,
    HTTP_PROXY: undefined,
    https_proxy: undefined,
    HTTPS_PROXY: undefined,
    no_proxy: undefined,
    NO_PROXY: undefined,
  };
  for (const [key, value] of Object.entries(environment)) vi.stubEnv(key, value);
  const stderr = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  onTestFinished(async () => {
    await server.stop();
    rmSync(home, { recursive: true });
    stderr.mockRestore();
    vi.unstubAllEnvs();
  });
  const cache = join(home, "hub");
  const talk = (): string => stderr.mock.calls.map(([text]) => String(text)).join("");
  return { server, commit, cache, model: join(cache, `${type}s--someone--tiny-pixart`), talk };
}

/** The files under a folder, as a Hub's commit takes them. */
export const filesIn = (folder: string): Record<string, Buffer> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((path) => statSync(join(folder, path)).isFile())
      .map((path) => [path, readFileSync(join(folder, path))]),
  );

/** Every file and link under a folder: its path, and the content or where the link leads. */
export function treeOf(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => !entry.isDirectory());
  return Object.fromEntries(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const content = entry.isSymbolicLink()
        ? `-> ${readlinkSync(path)}`
        : readFileSync(path, "latin1");
      return [path.slice(folder.length + 1), content] as const;
    }),
  );
}
