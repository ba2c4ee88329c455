import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, expect, it } from "vitest";
import { MAIN } from "../fixtures/pixart-program.ts";
import { pixartHere } from "../integration/in-process.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-serve-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("serves at a port of the system's choice, and ends by SIGTERM with exit code 0", async () => {
  const args = ["serve", "apple=emoji-demo", "--port", "0", "--batch", "1"];
  const server = execa(process.execPath, [MAIN, ...args], { reject: false });
  const lines: string[] = [];
  const heard = async (pattern: RegExp): Promise<string> => {
    for (;;) {
      const line = lines.find((one) => pattern.test(one));
      if (line !== undefined) return line;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  server.stderr.on("data", (chunk) => lines.push(...String(chunk).split("\n")));
  const listening = await heard(/^Listening at/);
  expect(listening).toMatch(/^Listening at http:\/\/127\.0\.0\.1:\d+; loading apple$/);
  const [, url = ""] = /(http:\S+);/.exec(listening) ?? [];
  expect((await fetch(`${url}/health`)).status).toBe(200);
  await heard(/"msg":"ready"/);
  expect(await (await fetch(`${url}/ready`)).json()).toEqual({
    status: "ready",
    models: ["apple"],
  });
  // The process that speaks HTTP has not loaded the engine, and the one that draws has.
  expect(readFileSync(`/proc/${server.pid}/maps`, "utf8")).not.toContain("libtorch");
  const drawing = fetch(`${url}/v1/images/generations`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ prompt: "a secret apple", steps: 20 }),
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  server.kill("SIGTERM");
  expect((await drawing).status).toBe(200);
  const { exitCode } = await server;
  expect(exitCode).toBe(0);
  const log = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  expect(log).toContainEqual(
    expect.objectContaining({ msg: "request", route: "/v1/images/generations", status: 200 }),
  );
  expect(lines.join("\n")).not.toContain("secret");
});

it("ends by SIGTERM while it loads, too", async () => {
  const args = [MAIN, "serve", "emoji-demo", "--port", "0"];
  const server = execa(process.execPath, args, { reject: false });
  server.stderr.once("data", () => server.kill("SIGTERM"));
  const { exitCode, stderr } = await server;
  expect([exitCode, stderr]).toEqual([
    0,
    expect.stringMatching(
      /^Listening at .*\nSIGTERM: finishing the work in progress; a second signal ends at once$/,
    ),
  ]);
});

it("refuses another address without a key, and what it can't read", async () => {
  for (const [args, message] of [
    [
      ["emoji-demo", "--host", "0.0.0.0"],
      "Expected --api-key or --api-key-file together with --host 0.0.0.0, which other machines can reach, but received neither",
    ],
    [
      ["emoji-demo", "models/emoji-demo"],
      "Expected models of different names but received emoji-demo twice; give one of them another name: other=models/emoji-demo",
    ],
    [["emoji-demo", "--adapter", "lora"], "Expected name=place for --adapter but received lora"],
  ] as const)
    await expect(pixartHere("serve", ...args)).rejects.toThrow(message);
});

it("ends where a model is none", async () => {
  const file = join(folder, "no-model");
  writeFileSync(file, "");
  await expect(pixartHere("serve", file, "--port", "0", "--log-level", "silent")).rejects.toThrow(
    `Expected a model but received ${file}: it is a file`,
  );
});
