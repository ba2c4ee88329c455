import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { ChatServer, completion, type Reply } from "../../test/fixtures/chat-server.ts";
import type { DatasetEntry } from "../data/dataset.ts";
import { RgbImage } from "../images/index.ts";
import { CaptionJournal } from "./caption-journal.ts";
import {
  type CaptionPicturesOptions,
  type CaptionRun,
  captionPictures,
} from "./caption-pictures.ts";
import { ChatEndpoint, type ChatEndpointOptions } from "./chat-endpoint.ts";
import { EndpointError } from "./endpoint-error.ts";

const pauses = vi.hoisted((): number[] => []);
vi.mock("node:timers/promises", () => ({
  // Pauses of a second and more take a hundredth of their time.
  setTimeout: (ms: number) => {
    pauses.push(ms);
    return new Promise((resolve) => setTimeout(resolve, ms / 100));
  },
}));

let work: string;
let server: ChatServer;
let entries: DatasetEntry[];
let count = 0;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "pixart-requests-"));
  const png = await RgbImage.filled(8, 8, [200, 30, 30]).encodePng();
  entries = Array.from({ length: 30 }, (_, i) => ({
    file: `${i}.png`,
    path: `/data/${i}.png`,
    text: "",
    columns: {},
    read: async () => png,
  }));
});
afterAll(() => rm(work, { recursive: true }));
beforeEach(async () => {
  pauses.length = 0;
  server = await ChatServer.start();
});
afterEach(() => server[Symbol.asyncDispose]());

async function run(
  pictures: number,
  endpoint: Partial<ChatEndpointOptions> = {},
  options: Partial<CaptionPicturesOptions> = {},
): Promise<CaptionRun & { readonly captions: readonly string[] }> {
  const asked = { model: "llava", prompt: "Describe" };
  using journal = await CaptionJournal.open(join(work, `${++count}.jsonl`), asked);
  const outcome = await captionPictures(
    entries.slice(0, pictures),
    new ChatEndpoint({ url: server.url, model: "llava", ...endpoint }),
    journal,
    { prompt: "Describe", concurrency: 1, maxSide: 768, ...options },
  );
  return { ...outcome, captions: [...journal.captions.values()].map(({ caption }) => caption) };
}

const replies =
  (list: readonly Reply[], last: Reply = completion("came")) =>
  ({ index }: { readonly index: number }): Reply =>
    list[index] ?? last;

const where = (): string => `${server.url}/chat/completions`;

describe("captionPictures", () => {
  it("asks again where a better answer may come, with longer and longer pauses", async () => {
    server.reply = replies([
      { status: 503, body: { error: { message: "Loading model" } } },
      "reset",
      { body: "<html>not yet</html>" },
      completion("  "),
      { status: 408, body: "" },
    ]);
    expect(await run(1)).toMatchObject({ answered: 1, requests: 6, captions: ["came"] });
    expect(pauses.length).toBe(5);
    for (const [i, pause] of pauses.entries()) {
      expect(pause).toBeGreaterThanOrEqual(500 * 2 ** i);
      expect(pause).toBeLessThanOrEqual(1000 * 2 ** i);
    }
  });

  it("waits no longer than it is asked to where the clock is set back meanwhile", async () => {
    const now = Date.now;
    let set = 0;
    const clock = vi.spyOn(Date, "now").mockImplementation(() => now() - set);
    server.reply = replies([{ status: 429, headers: { "retry-after-ms": "400" }, body: "" }]);
    const captions = run(1);
    await vi.waitFor(() => expect(pauses.length).toBeGreaterThan(1), 10_000); // it waits
    set = 3_600_000;
    try {
      expect(await captions).toMatchObject({ answered: 1, requests: 2 });
      expect(Math.max(...pauses)).toBeLessThanOrEqual(1000);
    } finally {
      clock.mockRestore();
    }
  }, 10_000);

  it("gives a picture up after six attempts, and says what came last", async () => {
    server.reply = replies([], { status: 500, body: { error: "out of memory" } });
    expect((await run(1)).failures).toEqual([
      { path: "/data/0.png", reason: `${where()} answers 500 (out of memory)` },
    ]);
    expect(server.requests.length).toBe(6);
  });

  it.each([
    [completion(""), "expected a caption but received an empty one"],
    [
      { body: "<html>" } as Reply,
      "expected a chat completion but received <html>; check the endpoint's address",
    ],
    [
      { body: "" } as Reply,
      "expected a chat completion but received an empty body; check the endpoint's address",
    ],
  ])("says what it received in place of a caption: %#", async (reply, reason) => {
    server.reply = () => reply;
    expect((await run(1)).failures[0]?.reason).toBe(`${where()}: ${reason}`);
  });

  it("does not ask again for what will not change", async () => {
    server.reply = replies([
      completion("", { choices: [{ finish_reason: "content_filter", message: { content: "" } }] }),
      completion("", {
        choices: [{ finish_reason: "stop", message: { content: null, refusal: "I can't." } }],
      }),
      completion("", { choices: [{ finish_reason: "length", message: { content: "<think>hm" } }] }),
      { status: 413, body: "" },
    ]);
    const { failures, requests } = await run(5);
    expect(requests).toBe(5);
    expect(failures.map(({ reason }) => reason)).toEqual([
      `${where()}: the endpoint's content filter blocked the caption`,
      `${where()}: the model refused: I can't.`,
      `${where()}: the tokens ran out before the caption started; allow more of them, or turn the model's thinking off`,
      `${where()} answers 413; send smaller pictures: --max-side`,
    ]);
  });

  it.each<[string, Reply, Partial<ChatEndpointOptions>, string]>([
    [
      "no key",
      { status: 401, body: { error: { message: "Missing key" } } },
      {},
      " answers 401 (Missing key); name the environment variable that holds a key: --api-key-env",
    ],
    [
      "a wrong key, which the server repeats",
      { status: 401, body: { error: { message: "Incorrect API key: sk-secret-1." } } },
      { apiKey: "sk-secret-1" },
      " answers 401 (Incorrect API key: ….); check the key in the variable that --api-key-env names",
    ],
    [
      "a wrong key, which the server repeats changed",
      { status: 401, body: { error: { message: "Incorrect API key: SK_SECRET_1, see docs" } } },
      { apiKey: "sk-secret-1" },
      " answers 401 (Incorrect API key: …, see docs); check the key in the variable that --api-key-env names",
    ],
    [
      "no such model",
      { status: 404, body: { detail: "no model" } },
      {},
      ' answers 404 (no model); check --endpoint, and that it has a model named "llava"',
    ],
    [
      "a redirect",
      { status: 308, headers: { location: "https://other.test/v1?token=1" }, body: "" },
      {},
      " answers 308; it redirects to https://other.test/v1: give that as --endpoint if it is right",
    ],
    [
      "a spent quota",
      { status: 429, body: { error: { code: "insufficient_quota", message: "You exceeded" } } },
      {},
      " answers 429 (You exceeded); the account's quota is used up: run the same command again when more is available",
    ],
    [
      "a long wait",
      { status: 429, headers: { "retry-after": "3600" }, body: "<html>" },
      {},
      " answers 429 and asks to wait 60 minutes; run the same command again after that",
    ],
    ["an unpaid account", { status: 402, body: "" }, {}, " answers 402; the account must be paid"],
  ])("ends the run at once for %s", async (_, reply, endpoint, message) => {
    server.reply = replies([completion("came")], reply);
    const { stopped, answered, left, requests } = await run(9, endpoint);
    expect(stopped).toEqual(expect.objectContaining({ message: where() + message }));
    expect({ answered, left, requests }).toEqual({ answered: 1, left: 8, requests: 2 });
  });

  it("reads an answer without an end up to a limit, and ends the run where there never was another", async () => {
    server.reply = () => ({ body: '{"choices": [{"message": {"content": "', endless: "a" });
    const message = `${where()}: expected a chat completion of 4 MiB at most but received more; check the endpoint's address`;
    const { stopped, requests } = await run(3);
    expect(stopped).toEqual(expect.objectContaining({ message }));
    expect(requests).toBe(1);
    server.requests.length = 0;
    server.reply = replies([completion("came")], {
      body: '{"choices": [{"message": {"content": "',
      endless: "a",
    });
    const later = await run(3);
    expect(later).toMatchObject({ answered: 1, requests: 3, stopped: undefined });
    expect(later.failures.map(({ reason }) => reason)).toEqual([message, message]);
    expect(server.sent).toBeLessThan(4 * 2 ** 24);
  });

  it("reads no more of a small answer that unpacks to a large one", async () => {
    const headers = { "content-encoding": "gzip" };
    server.reply = () => ({ headers, body: gzipSync(Buffer.alloc(2 ** 27, " ")) });
    const before = process.memoryUsage.rss();
    expect((await run(1)).stopped).toMatchObject({
      message: expect.stringContaining("expected a chat completion of 4 MiB at most"),
    });
    expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 29);
  });

  it("reads the beginning of a refusal without an end", async () => {
    server.reply = () => ({ status: 404, body: "no such model ", endless: "a " });
    expect((await run(1)).stopped).toMatchObject({
      message: expect.stringContaining("answers 404 (no such model a a a a"),
    });
    expect(server.sent).toBeLessThan(2 ** 24);
  });

  it("sends the key, further fields of the request, and nothing for null", async () => {
    await run(1, {
      apiKey: "sk-1",
      body: { max_tokens: null, max_completion_tokens: 64, seed: 1 },
    });
    expect(server.requests[0]?.authorization).toBe("Bearer sk-1");
    expect(server.requests[0]?.body).toMatchObject({ max_completion_tokens: 64, seed: 1 });
    expect(server.requests[0]?.body).not.toHaveProperty("max_tokens");
  });

  it("ends at once where nobody ever answered", async () => {
    const free = createServer();
    await new Promise<void>((resolve) => free.listen(0, "127.0.0.1", resolve));
    const { port } = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    const { stopped, requests } = await run(3, { url: `http://127.0.0.1:${port}` });
    const message = `http://127.0.0.1:${port}/v1/chat/completions could not be reached (ECONNREFUSED); check its address, and that the server is running`;
    expect(stopped).toEqual(expect.objectContaining({ message }));
    expect(requests).toBe(1);
  });

  it("waits for an answer as long as it is told", async () => {
    server.reply = replies(["hang"]);
    expect(await run(1, { timeoutSeconds: 0.2 })).toMatchObject({ answered: 1, requests: 2 });
    server.reply = () => "hang";
    const { failures } = await run(1, { timeoutSeconds: 0.05 });
    expect(failures[0]?.reason).toBe(
      `${where()} could not be reached (no answer in 0.05 s); check its address, and that the server is running`,
    );
    expect(() => new ChatEndpoint({ url: server.url, model: "m", timeoutSeconds: 301 })).toThrow(
      "Expected a number of seconds up to 300 for timeoutSeconds but received 301",
    );
  });

  it("stops after ten pictures in a row without a caption", async () => {
    server.reply = ({ index }) =>
      index === 5 ? completion("one") : { status: 400, body: { message: "no pictures here" } };
    const { stopped, answered, failures, left } = await run(30);
    expect(stopped).toEqual(
      new EndpointError(
        "endpoint",
        `Stopped after 10 pictures in a row without a caption; the last: ${where()} answers 400 (no pictures here)`,
      ),
    );
    expect({ answered, failures: failures.length, left }).toEqual({
      answered: 1,
      failures: 15,
      left: 14,
    });
  });

  it("counts repeated requests into the budget", async () => {
    server.reply = () => ({ status: 500, body: "" });
    expect(await run(2, {}, { maxRequests: 3 })).toMatchObject({ requests: 3, stopped: "budget" });
    expect(server.requests.length).toBe(3);
  });
});
