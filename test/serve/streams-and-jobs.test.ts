import { connect } from "node:net";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import type { JobAnswer } from "../../src/server/answers/answer-schemas.ts";
import { createApp } from "../../src/server/app.ts";
import type { RunningServer } from "../../src/server/start-server.ts";
import { startTestServer } from "../fixtures/test-server.ts";

let server: RunningServer;
let client: OpenAI;
beforeAll(async () => {
  server = await startTestServer({ models: [{ name: "stand-in", place: "step=20" }] });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "any", maxRetries: 0 });
});
afterAll(() => server.stop(0));

const headers = { "content-type": "application/json" };
const post = (
  body: unknown,
  more: Record<string, string> = {},
  init: RequestInit = {},
): Promise<Response> =>
  fetch(`${server.url}/v1/images/generations`, {
    method: "POST",
    headers: { ...headers, ...more },
    body: JSON.stringify(body),
    ...init,
  });
const jobOf = async (id: string, method = "GET"): Promise<JobAnswer> =>
  (await fetch(`${server.url}/v1/jobs/${id}`, { method })).json() as Promise<JobAnswer>;
const startJob = async (body: unknown): Promise<JobAnswer> => {
  const response = await post(body, { prefer: "respond-async" });
  expect(response.status).toBe(202);
  return (await response.json()) as JobAnswer;
};
const nothingLeft = (): Promise<void> =>
  vi.waitFor(() => expect(server.context.dispatcher.pictures).toBe(0), 5000);

describe("a stream", () => {
  it("has OpenAI's events, previews at even steps and each picture", async () => {
    const stream = await client.images.generate({
      prompt: "a fox",
      n: 2,
      seed: 5,
      steps: 9,
      stream: true,
      partial_images: 3,
    } as OpenAI.ImageGenerateParamsStreaming);
    const events = [];
    for await (const event of stream) events.push(event as typeof event & Record<string, unknown>);
    const partial = events.filter(({ type }) => type === "image_generation.partial_image");
    const completed = events.filter(({ type }) => type === "image_generation.completed");
    expect(
      partial.map(({ image_index, partial_image_index, step, total }) => [
        image_index,
        partial_image_index,
        step,
        total,
      ]),
    ).toEqual([
      [0, 0, 1, 9],
      [0, 1, 3, 9],
      [0, 2, 6, 9],
      [1, 0, 1, 9],
      [1, 1, 3, 9],
      [1, 2, 6, 9],
    ]);
    expect(completed.map(({ image_index, seed }) => [image_index, seed])).toEqual([
      [0, 5],
      [1, 6],
    ]);
    const { width, data } = await RgbImage.decode(
      Buffer.from(completed[1]?.b64_json ?? "", "base64"),
    );
    expect([width, data[0]]).toEqual([64, 6]);
    expect(completed[0]).toMatchObject({
      size: "64x64",
      output_format: "png",
      usage: { input_tokens: 3 },
    });
  });

  it("has the events of edits under their name", async () => {
    const image = await RgbImage.filled(8, 8, [1, 2, 3]).encodePng();
    const stream = await client.images.edit({
      prompt: "a fox",
      image: new File([new Uint8Array(image)], "a.png", { type: "image/png" }),
      stream: true,
      partial_images: 1,
    });
    const types = [];
    for await (const { type } of stream) types.push(type);
    expect(types).toEqual(["image_edit.partial_image", "image_edit.completed"]);
  });

  it("ends with an error that OpenAI's client raises", async () => {
    const stream = await client.images.generate({ prompt: "not finite", stream: true });
    const failed = await (async () => {
      for await (const _ of stream);
    })().catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(OpenAI.APIError);
    expect(failed).toMatchObject({ code: "not_finite" });
  });
});

describe("a stream that nobody reads", () => {
  it("is closed: HEAD asks for headers alone", async () => {
    const { id } = await startJob({ prompt: "a", steps: 60 });
    const events = `${server.url}/v1/jobs/${id}/events`;
    for (let i = 0; i < 40; i++) expect((await fetch(events, { method: "HEAD" })).status).toBe(200);
    expect(await (await fetch(events)).text()).toContain("event: completed");
  });

  it("is not broken into by what else comes over its connection", async () => {
    const body = JSON.stringify({ prompt: "a", steps: 20, stream: true });
    const head = `POST /v1/images/generations HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
    const received = await new Promise<string>((resolve, reject) => {
      let text = "";
      const socket = connect(Number(new URL(server.url).port), "127.0.0.1", () =>
        socket.write(head + body),
      );
      socket.on("data", (data) => {
        if (text === "") socket.write("no request\r\n\r\n");
        text += data;
      });
      socket.on("error", reject);
      socket.on("close", () => resolve(text));
    });
    expect(received).toMatch(/^HTTP\/1.1 200 OK/);
    expect(received).not.toContain("400 Bad Request");
    await nothingLeft();
  });

  it("goes on without previews that can't be encoded", async () => {
    const answer = await post({
      prompt: "bad previews",
      steps: 4,
      stream: true,
      partial_images: 2,
    });
    const text = await answer.text();
    expect(text).not.toContain("partial_image\n");
    expect(text).toContain("event: image_generation.completed");
  });
});

describe("who hangs up", () => {
  it.each([false, true])("ends what is drawn for them alone (stream: %s)", async (stream) => {
    const leaving = new AbortController();
    const gone = post({ prompt: "a", steps: 200, stream }, {}, { signal: leaving.signal })
      .then((response) => response.text())
      .catch((error: Error) => error.name);
    await vi.waitFor(() => expect(server.context.dispatcher.pictures).toBe(1));
    await new Promise((resolve) => setTimeout(resolve, 60));
    leaving.abort();
    expect(await gone).toBe("AbortError");
    const start = performance.now();
    await nothingLeft();
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it.each([
    ["for its pictures", {}],
    ["to be told its job", { prefer: "respond-async" }],
  ])("gets nothing drawn who has left before it is queued, waiting %s", async (_what, more) => {
    const app = createApp(server.context);
    const body = JSON.stringify({ prompt: "a", steps: 200 });
    const { host } = new URL(server.url);
    const signal = AbortSignal.abort();
    const request = { method: "POST", headers: { ...headers, ...more, host }, body, signal };
    const answer = await app.request("/v1/images/generations", request, {
      incoming: { socket: {} },
    });
    expect(await answer.json()).toMatchObject({ error: { code: "cancelled" } });
    expect(server.context.dispatcher.pictures).toBe(0);
    expect(server.context.running.size).toBe(0);
  });

  it("leaves a job alone that answers later", async () => {
    const { id } = await startJob({ prompt: "a", steps: 10 });
    await vi.waitFor(async () => expect((await jobOf(id)).status).toBe("completed"), 5000);
  });
});

describe("a job", () => {
  it("says where it stands, and has its pictures in the end", async () => {
    const first = await startJob({ prompt: "a", steps: 10, n: 2 });
    const second = await startJob({ prompt: "b", steps: 2, seed: 8 });
    expect(first).toMatchObject({
      object: "job",
      pictures: 2,
      pictures_done: 0,
      error: null,
      result: null,
    });
    expect(second).toMatchObject({ status: "queued", position: 1 });
    expect(second.estimated_seconds).toBeGreaterThan(0);
    await vi.waitFor(async () => expect((await jobOf(second.id)).status).toBe("completed"), 5000);
    const done = await jobOf(second.id);
    expect(done).toMatchObject({
      position: null,
      estimated_seconds: null,
      pictures_done: 1,
      step: 2,
      total: 2,
    });
    expect(done.result?.data[0]?.seed).toBe(8);
    expect(done.result?.data[0]?.b64_json).toMatch(/^iVBOR/);
    expect((await jobOf(first.id)).status).toBe("completed");
  });

  it("tells its events, also to one who comes late", async () => {
    const { id } = await startJob({ prompt: "a", steps: 12, partial_images: 12 });
    const read = async (): Promise<string[]> => {
      const text = await (await fetch(`${server.url}/v1/jobs/${id}/events`)).text();
      return [...text.matchAll(/^event: (\w+)$/gm)].map(([, name = ""]) => name);
    };
    const events = await read();
    expect(events.at(-1)).toBe("completed");
    expect(events).toContain("progress");
    expect(events.filter((name) => name === "preview").length).toBeGreaterThan(0);
    expect(await read()).toEqual(["completed"]);
  });

  it("shows a preview of each picture that is drawn at the same time", async () => {
    const own = await startTestServer({ models: [{ name: "stand-in", place: "step=20,batch=4" }] });
    try {
      // Long enough for its events to be asked for before the preview, on a busy machine too.
      const sent = JSON.stringify({ prompt: "a", steps: 100, n: 3, partial_images: 1 });
      const answer = await fetch(`${own.url}/v1/images/generations`, {
        method: "POST",
        headers: { ...headers, prefer: "respond-async" },
        body: sent,
      });
      const { id } = (await answer.json()) as JobAnswer;
      const text = await (await fetch(`${own.url}/v1/jobs/${id}/events`)).text();
      const shown = [...text.matchAll(/^event: preview\ndata: \{"picture":(\d)/gm)];
      expect(shown.map(([, picture]) => picture)).toEqual(["0", "1", "2"]);
    } finally {
      await own.stop(0);
    }
  });

  it("is cancelled by DELETE, waiting or running, and harms no other", async () => {
    const running = await startJob({ prompt: "a", steps: 300 });
    const waiting = await startJob({ prompt: "b", steps: 300 });
    const other = await startJob({ prompt: "c", steps: 3 });
    expect((await jobOf(waiting.id, "DELETE")).status).toBe("cancelled");
    const start = performance.now();
    expect((await jobOf(running.id, "DELETE")).status).toBe("cancelled");
    await vi.waitFor(async () => expect((await jobOf(other.id)).status).toBe("completed"), 5000);
    expect(performance.now() - start).toBeLessThan(1500);
    await nothingLeft();
  });

  it("that nobody started is not found", async () => {
    const response = await fetch(`${server.url}/v1/jobs/job_none`);
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: "job_not_found" } });
  });
});

describe("an address in place of a picture", () => {
  it("is served for a while, with headers that keep it a picture", async () => {
    const answer = await (
      await post({ prompt: "a", steps: 1, response_format: "url", output_format: "webp" })
    ).json();
    const { url } = (answer as { data: { url: string }[] }).data[0] ?? { url: "" };
    expect(url).toMatch(new RegExp(`^${server.url}/files/[\\da-f]{32}\\.webp$`));
    const file = await fetch(url);
    expect(file.headers.get("content-type")).toBe("image/webp");
    expect(file.headers.get("x-content-type-options")).toBe("nosniff");
    expect((await RgbImage.decode(new Uint8Array(await file.arrayBuffer()))).width).toBe(64);
    expect((await fetch(url.replace(/\w\.webp$/, "x.webp"))).status).toBe(404);
  });
});
