import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PictureMetadata, RgbImage } from "../../src/images/index.ts";
import { MAIN, PIXART } from "../fixtures/pixart-program.ts";
import { writeTinyRun } from "../fixtures/tiny-run.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "pixart-terminal-"));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

/** Sets a title, hides, writes bold, erases, goes back, turns the direction round: each of them by a mark that stays to be found. */
const EVIL =
  "\u001b]0;owned\u0007\u001b[8m\u001b[1m\u001b[2K\r\u009b31m\u202egnp.\u2066\u2028\u0008";
/** As it may be in a file's name. */
const EVIL_NAME = EVIL.replaceAll("/", "");

interface Said {
  readonly stdout: string;
  readonly stderr: string;
}

const run = (command: string, args: readonly string[]): Promise<Said> =>
  promisify(execFile)(command, args, {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: "", PIXART_STACK: "", HF_HUB_OFFLINE: "1" },
    maxBuffer: 2 ** 27,
  }).catch((error: Said) => error); // an exit code of its own

const pixart = (...args: string[]): Promise<Said> => run(process.execPath, [MAIN, ...args]);

/** What a terminal would do something at, but for a new line. */
const STEERING = /(?!\n)\p{Cc}|[\u2028\u2029\u202a-\u202e\u2066-\u2069]|\p{Cs}/u;

const record: PictureMetadata = {
  prompt: EVIL,
  steps: 1,
  sampler: EVIL,
  guidanceScale: 4.5,
  seed: 0,
  model: EVIL,
  modelHash: EVIL,
};

let configFile = "";
let endpoint = "";
const server = createServer((request, response) => {
  request.resume();
  response.writeHead(401, { "content-type": "application/json" });
  response.end(JSON.stringify({ error: { message: `no ${EVIL} key` } }));
});

beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  configFile = await writeTinyRun(folder);
  const picture = RgbImage.filled(16, 16, [1, 2, 3]);
  const png = await picture.encodePng();
  for (const set of ["side-cars", "lines"]) {
    mkdirSync(at(set));
    writeFileSync(at(`${set}/a${EVIL_NAME}.png`), png);
    writeFileSync(at(`${set}/b${EVIL_NAME}.png`), `GIF89a ${EVIL}`);
  }
  writeFileSync(at(`side-cars/a${EVIL_NAME}.txt`), `a fox ${EVIL}`);
  writeFileSync(at(`side-cars/b${EVIL_NAME}.txt`), `a bear ${EVIL}`);
  const line = (name: string): string =>
    JSON.stringify({ file_name: name, text: `a fox ${EVIL}`, [EVIL]: EVIL });
  writeFileSync(
    at("lines/metadata.jsonl"),
    ["a", "b", "c"].map((name) => line(`${name}${EVIL_NAME}.png`)).join("\n"),
  );
  await picture.save(at("record.png"), record);
  await picture.save(at("weights.png"), {
    ...record,
    sampler: "euler",
    dtype: EVIL,
    quantize: EVIL,
    adapters: [{ name: EVIL, scale: 2, hash: EVIL }],
  });
  await picture.save(at("derived.png"), { ...record, extra: { from: EVIL } });
  await picture.save(at("shared.png"), {
    ...record,
    extra: { batchIndex: EVIL, batchSize: { [EVIL]: EVIL } },
  });
  mkdirSync(at(`runs${EVIL_NAME}/run${EVIL_NAME}`), { recursive: true });
  writeFileSync(at(`runs${EVIL_NAME}/run${EVIL_NAME}/config.json`), `{"a": "${EVIL}`);
  writeFileSync(at("evil.json"), JSON.stringify({ [EVIL]: EVIL, stages: [{ kind: EVIL }] }));
  writeFileSync(at(`lora${EVIL_NAME}.safetensors`), EVIL.repeat(100));
  mkdirSync(at(`model${EVIL_NAME}`));
  writeFileSync(at(`model${EVIL_NAME}/model_index.json`), JSON.stringify({ _class_name: EVIL }));
});
afterAll(() => server.close());

const sample = ["sample", "emoji-demo", "--steps", "1", "--out", at("out")];

describe("what files, servers and command lines say", () => {
  it.each<[string, () => string[]]>([
    ["dataset check of side-cars", () => ["dataset", "check", at("side-cars")]],
    ["dataset check of lines", () => ["dataset", "check", at("lines")]],
    ["dataset check as JSON", () => ["dataset", "check", at("lines"), "--json"]],
    ["a data set that is not there", () => ["dataset", "check", at(EVIL_NAME)]],
    ["a run's list", () => ["runs", "list", at(`runs${EVIL_NAME}`)]],
    ["a config", () => ["train", at("evil.json")]],
    ["a config that is not there", () => ["train", at(`${EVIL_NAME}.json`)]],
    ["a change of a config", () => ["train", configFile, "--cfg-options", `${EVIL}=${EVIL}`]],
    ["a dry run", () => ["train", configFile, "--dry-run", "--work-dir", at(`work${EVIL_NAME}`)]],
    ["a record of a picture", () => [...sample.slice(0, 2), "--from", at("record.png")]],
    [
      "the weights of a picture",
      () => [...sample.slice(0, 2), "--from", at("weights.png"), "--out", at("out")],
    ],
    ["what a picture was drawn from", () => [...sample.slice(0, 2), "--from", at("derived.png")]],
    ["a record of objects", () => [...sample.slice(0, 2), "--from", at("shared.png")]],
    ["a prompt", () => [...sample, `a fox ${EVIL}`]],
    ["an adapter", () => [...sample, "a fox", "--lora", at(`lora${EVIL_NAME}.safetensors`)]],
    ["a model", () => ["sample", at(`model${EVIL_NAME}`), "a fox"]],
    ["a model's name", () => ["sample", `a/${EVIL}`, "a fox"]],
    ["an option", () => ["sample", `--${EVIL}`]],
    ["an option's value", () => [...sample, "a fox", "--seed", EVIL]],
    ["a command", () => [EVIL]],
    [
      "an endpoint",
      () => ["caption", at("side-cars"), "--endpoint", endpoint, "--model", EVIL, "--out", at("c")],
    ],
  ])("reaches the terminal harmlessly: %s", async (_, args) => {
    const { stdout, stderr } = await pixart(...args());
    expect(STEERING.exec(stdout + stderr)).toBeNull();
    expect(stdout + stderr).not.toContain("\n    at ");
    expect(stdout + stderr).not.toBe("");
  });

  it("is cut where it is long", async () => {
    const { stderr } = await pixart("sample", "emoji-demo", "--from", "x".repeat(100_000));
    expect(stderr.length).toBeLessThan(10_000);
    expect(stderr).toMatch(/x… \(\d+ more characters\)\n/);
  });
});

const hasScript = await run("script", ["--version"]).then(({ stdout }) =>
  /util-linux/.test(stdout ?? ""),
);

describe.runIf(hasScript)("on a terminal", () => {
  const ESC = "\u001b";
  const OWN = new RegExp(
    String.raw`\r|${ESC}[78]|${ESC}\[(?:1|22)m|${ESC}\[\?(?:7|25)[hl]|${ESC}\[\d*[GKJ]`,
    "g",
  );

  it("only the program's own codes are left", async () => {
    const args = [...sample, `a fox ${EVIL}`, `a bear ${EVIL}`]
      .map((word) => `'${word}'`)
      .join(" ");
    const command = `${PIXART.join(" ")} ${args}`;
    const { stdout } = await run("script", ["-qec", command, "/dev/null"]);
    expect(stdout).toContain("Drawing");
    expect(stdout).toContain("\u001b[?25l");
    expect(STEERING.exec(stdout.replace(OWN, ""))).toBeNull();
    expect(stdout).not.toContain("\u001b[1m"); // the program's own, but not while it draws
  });

  it.each([
    ["that is all of a line", "\u001b[2J\u001b[H\r\u001b[2K", "\u001b[A"],
    ["at its beginning", "\u001b[2K\u001b[1mx", "\r\u001b[2K\u001b[1my"],
  ])("what steers is shown, also %s", async (_, said, printed) => {
    const script = `
      import { guardOutput } from ${JSON.stringify(join(ROOT, "src/cli/terminal/output.ts"))};
      import { say } from ${JSON.stringify(join(ROOT, "src/cli/terminal/talk.ts"))};
      guardOutput();
      say(${JSON.stringify(said)});
      process.stderr.write(${JSON.stringify(`${said}\n`)});
      process.stdout.write(${JSON.stringify(`${printed}\n`)});`;
    writeFileSync(at("says.mts"), script);
    const command = `${process.execPath} --import tsx ${at("says.mts")}`;
    const { stdout } = await run("script", ["-qec", command, "/dev/null"]);
    const plain = (text: string): string =>
      text.replaceAll("\r", "\\u000d").replaceAll(ESC, "\\u001b");
    expect(stdout.replaceAll("\r\n", "\n")).toBe(
      `\r${ESC}[2K${[said, said, printed].map((text) => `${plain(text)}\n`).join("")}`,
    );
  });
});
