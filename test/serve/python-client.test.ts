import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import type { RunningServer } from "../../src/server/start-server.ts";
import { startTestServer } from "../fixtures/test-server.ts";
import { runPython } from "../parity/python.ts";

let server: RunningServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop(0));

it("OpenAI's Python client draws, edits, streams, and reads errors", async () => {
  const picture = await RgbImage.filled(16, 16, [9, 9, 9]).encodePng();
  const script = fileURLToPath(new URL("openai_client.py", import.meta.url));
  const answer = await runPython(script, {
    url: `${server.url}/v1`,
    picture: Buffer.from(picture).toString("base64"),
  });
  const id = expect.stringMatching(/^[\da-f-]{36}$/);
  expect(answer).toEqual({
    count: 2,
    same: true,
    seed: 8,
    edited: expect.any(Number),
    several: expect.any(Number),
    events: ["image_generation.partial_image", "image_generation.completed"],
    errors: [
      ["BadRequestError", 400, "invalid_size", "size", id],
      ["NotFoundError", 404, "model_not_found", "model", id],
      ["InternalServerError", 500, "not_finite", null, id],
    ],
  });
});
