import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { HubError } from "./errors.ts";

/** An access token and its source, for messages, which never include the token itself. */
export interface HubToken {
  readonly value: string;
  readonly source: string;
}

/** The environment's settings for the Hub, read as in Python's huggingface_hub (its `constants.py`). */
export interface HubEnvironment {
  /** `HF_ENDPOINT`, without a trailing slash. */
  readonly endpoint: string;
  /** `HF_HUB_CACHE`, or `hub` in `HF_HOME`. */
  readonly cacheFolder: string;
  /** The variable that forbids network access, if any. */
  readonly offlineBy: "HF_HUB_OFFLINE" | "TRANSFORMERS_OFFLINE" | undefined;
  readonly showsProgress: boolean;
  /** Throws HubError for a token that no header can carry. */
  readonly token: () => HubToken | undefined;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Reads the variables on each call, so that a program can set them itself. Throws HubError for a bad `HF_ENDPOINT`. */
export function readHubEnvironment(variables: Variables = process.env): HubEnvironment {
  const folder = (name: string): string | undefined => {
    const value = variables[name];
    return value ? expand(value, variables) : undefined;
  };
  const home =
    folder("HF_HOME") ?? join(folder("XDG_CACHE_HOME") ?? join(homedir(), ".cache"), "huggingface");
  const tokenFile = folder("HF_TOKEN_PATH") ?? join(home, "token");
  return {
    endpoint: endpointOf(variables.HF_ENDPOINT || "https://huggingface.co"),
    cacheFolder: folder("HF_HUB_CACHE") ?? folder("HUGGINGFACE_HUB_CACHE") ?? join(home, "hub"),
    offlineBy: (["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"] as const).find((name) =>
      isTrue(variables[name]),
    ),
    showsProgress: !isTrue(variables.HF_HUB_DISABLE_PROGRESS_BARS),
    token: () => readToken(variables, tokenFile),
  };
}

const isTrue = (value = ""): boolean => ["1", "ON", "YES", "TRUE"].includes(value.toUpperCase());

/** `~` and `$NAME`, which reach Node unexpanded from an env file. */
const expand = (path: string, variables: Variables): string =>
  path
    .replace(/^~(?=$|\/)/, homedir())
    .replace(
      /\$(?:(\w+)|\{([^}]*)\})/g,
      (text, plain, braced) => variables[plain ?? braced] ?? text,
    );

function endpointOf(value: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== "") {
    // The value is not shown: it may hold a password.
    throw new HubError(
      "Expected an http or https address without a user name for HF_ENDPOINT but received something else",
    );
  }
  return value.replace(/\/+$/, "");
}

function readToken(variables: Variables, file: string): HubToken | undefined {
  if (isTrue(variables.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return undefined;
  const found = [
    ...["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"].map((source) => ({
      source,
      value: variables[source],
    })),
    { source: file, value: contentOf(file) },
  ];
  for (const { source, value } of found) {
    const token = value?.replace(/[\r\n]/g, "").trim();
    if (!token) continue;
    if (!/^[\x21-\x7e]+$/.test(token)) {
      throw new HubError(
        `Expected an access token in ${source} but found characters that no token has; copy it again`,
      );
    }
    return { source, value: token };
  }
  return undefined;
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
