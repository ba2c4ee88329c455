import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import type { ImagesAnswer } from "../../src/server/answers/answer-schemas.ts";
import type { RunningServer } from "../../src/server/start-server.ts";
import { startTestServer } from "../fixtures/test-server.ts";

interface Recorded {
  readonly client: string;
  readonly path: string;
  readonly json?: Readonly<Record<string, unknown>>;
  readonly form?: Readonly<Record<string, string>>;
}

const recorded = JSON.parse(
  readFileSync(new URL("recorded-bodies.json", import.meta.url), "utf8"),
) as Recorded[];

let server: RunningServer;
let picture: Uint8Array<ArrayBuffer>;
beforeAll(async () => {
  server = await startTestServer();
  picture = new Uint8Array(await RgbImage.filled(40, 40, [9, 9, 9]).encodePng());
});
afterAll(() => server.stop(0));

/** The body of a request, with a picture where the recording has its place. */
function requestOf({ json, form }: Recorded): RequestInit {
  if (form === undefined) {
    const address = `data:image/png;base64,${Buffer.from(picture).toString("base64")}`;
    const body = JSON.stringify(json).replaceAll("@picture", address);
    return { method: "POST", headers: { "content-type": "application/json" }, body };
  }
  const body = new FormData();
  for (const [name, value] of Object.entries(form)) {
    if (value === "@picture")
      body.append(name, new Blob([picture], { type: "image/png" }), "a.png");
    else body.append(name, value);
  }
  return { method: "POST", body };
}

it.each(recorded)("gives a picture of the size asked for to $client", async (request) => {
  const response = await fetch(`${server.url}${request.path}`, requestOf(request));
  const answer = (await response.json()) as ImagesAnswer;
  expect(response.status, JSON.stringify(answer)).toBe(200);
  const [first] = answer.data;
  const file =
    first?.url === undefined
      ? Buffer.from(first?.b64_json ?? "", "base64")
      : new Uint8Array(await (await fetch(first.url)).arrayBuffer());
  const { width, height } = await RgbImage.decode(file);
  const given = request.json?.size ?? request.form?.size;
  const asked = typeof given === "string" && given !== "auto" ? given : undefined;
  expect(`${width}x${height}`).toBe(asked ?? (request.json?.images ? "40x40" : "64x64"));
});
