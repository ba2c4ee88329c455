import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, expect, it, vi } from "vitest";
import { writeMadeRun } from "../fixtures/made-run.ts";
import { MAIN } from "../fixtures/pixart-program.ts";
import { pixartHere } from "../integration/in-process.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-studio-command-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("prints an address with a key that opens it, and ends by SIGTERM with an open stream", async () => {
  await writeMadeRun(join(folder, "runs", "mine"), { steps: 3 });
  const flags = ["--port", "0", "--read-only", "--view-key", "look"];
  const studio = execa(process.execPath, [MAIN, "studio", join(folder, "runs"), ...flags], {
    reject: false,
  });
  const address = await new Promise<string>((resolve) =>
    studio.stdout.once("data", (text) => resolve(String(text).trim())),
  );
  expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#k=[\w-]{24}$/);
  const { origin, hash } = new URL(address);
  const key = hash.slice("#k=".length);
  const list = async (own: string): Promise<{ status: number; body: unknown }> => {
    const answer = await fetch(`${origin}/api/runs`, { headers: { "api-key": own } });
    return { status: answer.status, body: await answer.json() };
  };
  expect(await list(key)).toMatchObject({
    status: 200,
    body: { runs: [{ name: "mine", state: "finished" }] },
  });
  const session = await fetch(`${origin}/api/session`, { headers: { "api-key": key } });
  const rights = { canDraw: true, canDrawRuns: true, canControl: false, needsKey: true };
  expect(await session.json()).toEqual(rights);
  expect((await list("look")).status).toBe(200);
  expect((await list("other")).status).toBe(401);
  const stream = await fetch(`${origin}/api/events`, { headers: { "api-key": key } });
  expect(stream.status).toBe(200);
  const begun = performance.now();
  studio.kill("SIGTERM");
  const { exitCode, stderr } = await studio;
  expect(exitCode).toBe(0);
  expect(performance.now() - begun).toBeLessThan(4000);
  expect(stderr).toContain("SIGTERM");
  expect(stderr).not.toContain(key);
});

it("opens a browser at a key of any characters, without showing it to other users", async () => {
  const told = join(folder, "told.json");
  const programs = join(folder, "programs");
  mkdirSync(programs);
  const opener = join(programs, process.platform === "darwin" ? "open" : "xdg-open");
  const script = `#!${process.execPath}
const fs = require("fs");
const file = require("url").fileURLToPath(process.argv[2]);
const read = { argument: process.argv[2], mode: fs.statSync(file).mode & 0o777, text: fs.readFileSync(file, "utf8") };
fs.writeFileSync(${JSON.stringify(`${told}.part`)}, JSON.stringify({ ...read, file }));
fs.renameSync(${JSON.stringify(`${told}.part`)}, ${JSON.stringify(told)});
`;
  writeFileSync(opener, script, { mode: 0o755 });
  const key = 'a+b&c%2F"d';
  const flags = ["--port", "0", "--read-only", "--open"];
  const studio = execa(process.execPath, [MAIN, "studio", join(folder, "runs"), ...flags], {
    env: { PATH: `${programs}:${process.env.PATH}`, PIXART_API_KEY: key },
    reject: false,
  });
  const address = await new Promise<string>((resolve) =>
    studio.stdout.once("data", (text) => resolve(String(text).trim())),
  );
  // As the page reads it.
  expect(new URLSearchParams(new URL(address).hash.slice(1)).get("k")).toBe(key);
  await vi.waitFor(() => expect(existsSync(told)).toBe(true), 10_000);
  const { argument, mode, text, file } = JSON.parse(readFileSync(told, "utf8"));
  expect(text).toContain(`url=${address}"`);
  expect(mode).toBe(0o600);
  expect(argument).not.toContain("a+b");
  expect(argument).not.toContain("a%2Bb");
  studio.kill("SIGTERM");
  expect((await studio).exitCode).toBe(0);
  expect(existsSync(file)).toBe(false);
});

it("refuses another address without a key", async () => {
  await expect(pixartHere("studio", "--host", "0.0.0.0")).rejects.toThrow(
    "Expected --lan, or --api-key together with --host 0.0.0.0, which other machines can reach, but received neither",
  );
});

it("fine-tunes only towards goals that there are, in a time that was said", async () => {
  for (const [args, message] of [
    [["finetune", "a", "b", "--goal", "any", "--minutes", "1"], /style, subject, full/],
    [["finetune", "a", "b", "--goal", "full"], /--minutes/],
    [
      ["finetune", "emoji-small", folder, "--goal", "full", "--minutes", "1", "--json"],
      /--dry-run/,
    ],
  ] as const)
    await expect(pixartHere(...args)).rejects.toThrow(message);
});
