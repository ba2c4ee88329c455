import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ChatServer, completion, type Reply } from "../fixtures/chat-server.ts";
import { MAIN } from "../fixtures/pixart-program.ts";
import { writeTinyDataset } from "../fixtures/tiny-dataset.ts";
import { pixartHere } from "./in-process.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "pixart-cli-caption-"));
let server: ChatServer;
let folder: string;
let count = 0;
beforeAll(() => writeTinyDataset(join(work, "tiny")));
afterAll(() => rmSync(work, { recursive: true }));
beforeEach(async () => {
  server = await ChatServer.start();
  folder = join(work, `${++count}`);
  await cp(join(work, "tiny"), folder, { recursive: true });
});
afterEach(async () => {
  process.exitCode = 0;
  delete process.env.PIXART_TEST_KEY;
  await server[Symbol.asyncDispose]();
});

const command = (...more: readonly string[]): string[] => [
  "caption",
  folder,
  "--endpoint",
  server.url,
  "--model",
  "llava",
  "--overwrite",
  ...more,
];

const slow =
  (ms: number) =>
  (reply: Reply): Reply =>
    ({ ...(reply as object), delayMs: ms }) as Reply;

describe("pixart caption", () => {
  it("asks the paper's question with the key, and its exit status is 0 when all have captions", async () => {
    process.env.PIXART_TEST_KEY = "sk-top-secret";
    const { stdout, stderr } = await pixartHere(...command("--api-key-env", "PIXART_TEST_KEY"));
    expect(process.exitCode).toBe(0);
    expect(stdout).toBe(`${join(folder, "metadata.jsonl")}\n`);
    expect(server.requests[0]).toMatchObject({
      authorization: "Bearer sk-top-secret",
      prompt: "Describe this image and its style in a very detailed manner",
    });
    expect(stderr).toContain(
      `Asking llava at ${server.url}/chat/completions for 18 of 18 pictures`,
    );
    expect(stderr).toContain("18 captions in 18 requests, 1800 tokens; 0 pictures failed");
    const kept = readFileSync(join(folder, "captions-journal.jsonl"), "utf8");
    expect(stdout + stderr + kept).not.toContain("secret");
  });

  it("lists what failed and tells by its exit status, also as JSON", async () => {
    server.reply = ({ index }) =>
      index === 4 ? { status: 422, body: { detail: "no" } } : completion("dense");
    const { stdout, stderr } = await pixartHere(...command("--concurrency", "1", "--json"));
    expect(process.exitCode).toBe(1);
    const report = JSON.parse(stdout) as { failures: { path: string }[] };
    expect(report).toMatchObject({ answered: 17, left: 0, stopped: null });
    const [failure] = report.failures;
    expect(stderr).toContain(
      `No caption for ${failure?.path}: ${server.url}/chat/completions answers 422 (no)\n`,
    );
  });

  it("ends with 75 at the budget, and with 1 and one line where it can't go on", async () => {
    await pixartHere(...command("--budget", "5"));
    expect(process.exitCode).toBe(75);
    server.reply = () => ({ status: 403, body: "" });
    const { stderr } = await pixartHere(...command());
    expect(process.exitCode).toBe(1);
    expect(stderr).toContain(
      "for 13 of 18 pictures, 8 at once; 5 have an answer in the journal since this overwrite began (another --journal asks for all)\n",
    );
    expect(stderr).toContain(
      `Stopped: ${server.url}/chat/completions answers 403; name the environment variable that holds a key: --api-key-env\n`,
    );
  });

  it("refuses fields that are none", async () => {
    await expect(pixartHere(...command("--body", "[1]"))).rejects.toThrow(
      "Expected a JSON object for --body but received [1]",
    );
    expect(server.requests).toEqual([]);
  });

  it("loses at most the requests under way when it is killed, and Ctrl+C keeps what came", async () => {
    const concurrency = 3;
    const start = () =>
      execa(process.execPath, [MAIN, ...command("--concurrency", `${concurrency}`)], {
        cwd: ROOT,
        reject: false,
      });
    const whenAsked = (requests: number, act: () => void) => {
      server.reply = ({ index }) => {
        if (index === requests) act();
        return slow(index < requests ? 10 : 5000)(completion(`dense ${index}`));
      };
    };
    const first = start();
    whenAsked(6, () => first.kill("SIGKILL"));
    await first;
    const journal = join(folder, "captions-journal.jsonl");
    const lines = (): number => readFileSync(journal, "utf8").match(/"file":/g)?.length ?? 0;
    const asked = server.requests.length;
    expect(asked - lines()).toBeLessThanOrEqual(concurrency);
    const kept = lines();

    const second = start();
    whenAsked(asked + 4, () => second.kill("SIGINT"));
    const { exitCode, stderr } = await second;
    expect(exitCode).toBe(130);
    expect(stderr).toContain("Interrupted; run the same command again to continue");
    expect(stderr).toContain(`; ${kept} have an answer in the journal`);
    expect(existsSync(join(folder, "metadata.before-captions.jsonl"))).toBe(true);

    const left = 18 - lines();
    const before = server.requests.length;
    server.reply = ({ index }) => completion(`dense ${index}`);
    await pixartHere(...command());
    expect(process.exitCode).toBe(0);
    expect(server.requests.length - before).toBe(left);
    expect(lines()).toBe(18);
  });
});

describe("pixart dataset nouns", () => {
  it("prints the paper's table, and as JSON", async () => {
    const sheet = join(work, "density.png");
    const { stdout } = await pixartHere("dataset", "nouns", folder, "--sheet", sheet);
    // 18 captions "a ball, red style": two nouns each, of which "style" alone is there more than 10 times.
    expect(stdout).toMatch(/^valid nouns, more than 10 times \(VN\)\s+1\s+\d+$/m);
    expect(stdout).toMatch(/^captions\s+18\s+18$/m);
    expect(existsSync(sheet)).toBe(true);
    const json = await pixartHere("dataset", "nouns", folder, "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({
      pictures: 18,
      raw: { words: 72, validNouns: 1 },
      dense: { captions: 18 },
    });
  });
});
