import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import type { ErrorBody } from "../../src/server/http/api-error.ts";
import type { RunningServer } from "../../src/server/start-server.ts";
import { startTestServer } from "../fixtures/test-server.ts";

let server: RunningServer;
let picture: string;
const lines: string[] = [];
beforeAll(async () => {
  server = await startTestServer({ lines, maxQueue: 8 });
  picture = Buffer.from(await RgbImage.filled(16, 16, [9, 9, 9]).encodePng()).toString("base64");
});
afterAll(() => server.stop(0));

const generations = "/v1/images/generations";
const edits = "/v1/images/edits";

/** An answer's status, and what it says. */
async function post(
  path: string,
  body: unknown,
  headers: Record<string, string> = { "content-type": "application/json" },
): Promise<{ status: number; headers: Headers } & ErrorBody["error"]> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(`${server.url}${path}`, { method: "POST", headers, body: text });
  const { error } = (await response.json()) as ErrorBody;
  return { status: response.status, headers: response.headers, ...error };
}

describe("a request that can't be drawn is refused with a sentence", () => {
  it.each([
    [{}, "missing_required_parameter", "prompt", "Expected a text for prompt but received nothing"],
    [{ prompt: 3 }, "invalid_value", "prompt", "Expected a text for prompt but received 3"],
    [
      { prompt: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`key${i}`, i])) },
      "invalid_value",
      "prompt",
      'Expected a text for prompt but received {"key0":0,"key1":1,"key2":2,"key3":3,"key4":4,"key5":5,"key6…',
    ],
    [
      { prompt: "" },
      "invalid_value",
      "prompt",
      'Expected a text of at least 1 characters for prompt but received ""',
    ],
    [
      { prompt: "a", n: 11 },
      "invalid_value",
      "n",
      "Expected a number of at most 10 for n but received 11",
    ],
    [
      { prompt: "a", n: 1.5 },
      "invalid_value",
      "n",
      "Expected a whole number for n but received 1.5",
    ],
    [
      { prompt: "a", size: "big" },
      "invalid_size",
      "size",
      'Expected auto or WIDTHxHEIGHT for size but received "big"',
    ],
    [
      { prompt: "a", size: "9000x9000" },
      "invalid_size",
      "size",
      'Expected at most 4194304 pixels, such as 2048x2048, for size but received "9000x9000"',
    ],
    [
      { prompt: "a", size: "65x64", resolution_binning: false },
      "invalid_size",
      "size",
      'Expected sides that are multiples of 8 where resolution_binning is false, such as 64x64, for size but received "65x64"',
    ],
    [
      { prompt: "a", width: 64 },
      "invalid_value",
      "height",
      "Expected width and height together for height but received nothing",
    ],
    [
      { prompt: "a", size: "1x99999" },
      "invalid_size",
      "size",
      'Expected sides of at most 16383 pixels, one at most 16 times the other, for size but received "1x99999"',
    ],
    [{ prompt: "a", sead: 1 }, "unknown_field", "sead", "Unknown field sead. Did you mean seed?"],
    [
      { prompt: "a", quality: "best" },
      "invalid_value",
      "quality",
      'Expected one of auto, low, medium, high, standard, hd for quality but received "best"',
    ],
    [
      { prompt: "a", background: "transparent" },
      "unsupported_parameter",
      "background",
      "Expected auto or opaque for background but received transparent: no model of this server draws transparency",
    ],
    [
      { prompt: "a", scheduler: "fast" },
      "invalid_value",
      "scheduler",
      'Expected one of dpm-solver++, euler for scheduler but received "fast"',
    ],
    [
      { prompt: "a", steps: 3, num_inference_steps: 4 },
      "invalid_value",
      "num_inference_steps",
      "Expected the same as steps, or nothing, for num_inference_steps but received 4",
    ],
    [
      { prompt: "a", adapters: [{ name: "x" }] },
      "invalid_value",
      "adapters.0.name",
      'Expected no adapter, which is what stand-in has, for adapters.0.name but received "x"',
    ],
    [
      { prompt: "a", control_image: "QUJD" },
      "invalid_value",
      "control_image",
      "Expected no control_image, since stand-in has no ControlNet, but received a picture",
    ],
    [
      { prompt: "a", n: 9 },
      "invalid_value",
      "n",
      "Expected at most 8, a caller's share of the queue, for n but received 9",
    ],
    [[], "invalid_value", "the body", "Expected a JSON object for the body but received []"],
  ])("%j", async (body, code, param, message) => {
    expect(await post(generations, body)).toMatchObject({
      status: 400,
      type: "invalid_request_error",
      code,
      param,
      message,
    });
  });

  it.each([
    [{ prompt: "a" }, "image", "Expected exactly one picture for image but received nothing"],
    [
      { prompt: "a", image: ["QUJD", "QUJD"] },
      "image",
      "Expected exactly one picture for image but received 2",
    ],
    [
      { prompt: "a", image: "https://example.org/a.png" },
      "image",
      "Expected base64 or a data: URL for image but received a URL, which this server does not fetch",
    ],
    [
      { prompt: "a", image: "QUJD" },
      "image",
      "Expected a picture that can be read for image but expected a JPEG, PNG, WebP or AVIF picture but found unknown data",
    ],
    [
      { prompt: "a", image: "!" },
      "image",
      'Expected base64 or a data: URL for image but received "other text"',
    ],
    [
      { prompt: "a", image: "PICTURE", strength: 0 },
      "strength",
      "Expected a number above 0 for strength but received 0",
    ],
    [
      { prompt: "a", image: "PICTURE", mask: "OTHER" },
      "mask",
      'Expected the size of image, 16x16, for mask but received "8x8"',
    ],
  ])("an edit: %j", async (body, param, message) => {
    const other = Buffer.from(await RgbImage.filled(8, 8, [0, 0, 0]).encodePng());
    const text = JSON.stringify(body)
      .replace("PICTURE", picture)
      .replace("OTHER", other.toString("base64"));
    expect(await post(edits, text)).toMatchObject({ status: 400, param, message });
  });

  it.each([
    ["{", "invalid_json", { "content-type": "application/json" }, 400],
    ["prompt=a", "unsupported_media_type", { "content-type": "text/plain" }, 415],
    [
      "prompt=a",
      "unsupported_media_type",
      { "content-type": "application/x-www-form-urlencoded" },
      415,
    ],
    ["no parts", "invalid_form", { "content-type": "multipart/form-data; boundary=x" }, 400],
    ["no parts", "invalid_form", { "content-type": "multipart/form-data" }, 400],
  ])("a body %j: %s", async (body, code, headers, status) => {
    expect(await post(edits, body, headers)).toMatchObject({ status, code });
  });

  it.each([
    [generations, "control_image", "no control_image, since stand-in has no ControlNet,"],
    [generations, "image", "no file for image"],
    [edits, "picture", "no file for picture"],
  ])("a file sent to %s as %s", async (path, name, message) => {
    const form = new FormData();
    form.set("prompt", "a");
    form.set(name, new Blob([Buffer.from(picture, "base64")]), "a.png");
    const response = await fetch(`${server.url}${path}`, { method: "POST", body: form });
    const { error } = (await response.json()) as ErrorBody;
    expect([response.status, error.param]).toEqual([400, name]);
    expect(error.message).toContain(`Expected ${message}`);
  });

  it("a body that is too large, before it is read", async () => {
    const answer = await new Promise<{ status: number; text: string }>((resolve, reject) => {
      const { port } = new URL(server.url);
      const headers = { "content-type": "application/json", "content-length": 2 ** 30 };
      const sent = httpRequest(
        { port, host: "127.0.0.1", path: generations, method: "POST", headers },
        (response) => {
          let text = "";
          response.on("data", (chunk) => {
            text += chunk;
          });
          response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
        },
      );
      sent.on("error", reject);
      sent.flushHeaders();
    });
    expect(answer.status).toBe(413);
    expect(JSON.parse(answer.text).error.code).toBe("body_too_large");
  });

  it("megabytes of slips, at once", async () => {
    const start = performance.now();
    const name = await post(generations, { prompt: "a", ["x".repeat(2 ** 21)]: 1 });
    expect(name.message).toBe(`Unknown field ${"x".repeat(60)}….`);
    const spaces = await post(edits, { prompt: "a", image: `${" ".repeat(2 ** 22)}!` });
    expect(spaces).toMatchObject({ status: 400, param: "image" });
    const deep = await post(generations, `{"prompt":${"[".repeat(2 ** 20)}`);
    expect(deep).toMatchObject({ status: 400, code: "invalid_json" });
    expect(performance.now() - start).toBeLessThan(2000);
  });

  it.each([
    ["no HTTP\r\n\r\n", 400, "invalid_request"],
    [
      `GET /health HTTP/1.1\r\nhost: localhost\r\nx: ${"x".repeat(20_000)}\r\n\r\n`,
      431,
      "headers_too_large",
    ],
  ])("what is no request at all: %.30s", async (text, status, code) => {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(new URL(server.url).port), "127.0.0.1", () =>
        socket.write(text),
      );
      let all = "";
      socket.on("data", (chunk) => {
        all += chunk;
      });
      socket.on("close", () => resolve(all));
      socket.on("error", reject);
    });
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(JSON.parse(answer.split("\r\n\r\n")[1] ?? "").error).toMatchObject({ code });
  });

  it("a model that is not here, with those that are", async () => {
    expect(await post(generations, { prompt: "a", model: "sdxl" })).toMatchObject({
      status: 404,
      code: "model_not_found",
      message: 'Expected one of stand-in for model but received "sdxl"',
    });
  });
});

describe("what goes wrong while it is drawn", () => {
  it.each([
    ["no memory", "out_of_memory"],
    ["not finite", "not_finite"],
    ["broken", "drawing_failed"],
    ["crash", "worker_lost"],
  ])("%s: says nothing of the machine, and asks clients not to try again", async (prompt, code) => {
    const answer = await post(generations, { prompt, steps: 1 });
    expect(answer).toMatchObject({ status: 500, code, type: "server_error" });
    expect(answer.headers.get("x-should-retry")).toBe("false");
    expect(JSON.stringify(answer)).not.toMatch(/secret|\.ts/);
    expect(JSON.stringify(answer)).not.toContain(process.cwd());
  });
});

describe("OpenAI's client", () => {
  const client = (): OpenAI => new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "any" });

  it("reads code, parameter, sentence and request id", async () => {
    const failed = await client()
      .images.generate({ prompt: "a", size: "big" as "auto" })
      .catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(OpenAI.BadRequestError);
    expect(failed).toMatchObject({ code: "invalid_size", param: "size", status: 400 });
    expect((failed as InstanceType<typeof OpenAI.APIError>).requestID).toMatch(/^[\da-f-]{36}$/);
    expect(
      await client()
        .images.generate({ model: "none", prompt: "a" })
        .catch((e) => e),
    ).toBeInstanceOf(OpenAI.NotFoundError);
  });

  it("draws no failing picture three times", async () => {
    const before = lines.filter((line) => line.includes("came to nothing")).length;
    const failed = await client()
      .images.generate({ prompt: "not finite", steps: 1 } as OpenAI.ImageGenerateParamsNonStreaming)
      .catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(OpenAI.InternalServerError);
    expect(lines.filter((line) => line.includes("came to nothing")).length - before).toBe(2);
  });

  it("is told to wait where the queue is full, and succeeds then", async () => {
    const slow = { prompt: "a", n: 8, steps: 20 } as OpenAI.ImageGenerateParamsNonStreaming;
    const first = client().images.generate(slow);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const refused = await post(generations, { prompt: "b", n: 1 });
    expect(refused).toMatchObject({ status: 429, code: "queue_full", type: "rate_limit_error" });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(Number(refused.headers.get("retry-after-ms"))).toBeGreaterThan(0);
    const second = await client().images.generate({ prompt: "b", steps: 1 } as typeof slow);
    expect(second.data).toHaveLength(1);
    expect((await first).data).toHaveLength(8);
  });
});
