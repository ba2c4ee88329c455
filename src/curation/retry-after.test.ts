import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ChatServer, completion } from "../../test/fixtures/chat-server.ts";
import { RgbImage } from "../images/index.ts";
import { CaptionJournal } from "./caption-journal.ts";
import { captionPictures } from "./caption-pictures.ts";
import { ChatEndpoint } from "./chat-endpoint.ts";
import { retryAfterMs } from "./retry-after.ts";

const work = mkdtempSync(join(tmpdir(), "pixart-retry-"));
afterAll(() => rmSync(work, { recursive: true }));

describe("retryAfterMs", () => {
  const now = Date.parse("2026-11-24T10:00:00Z");
  it.each([
    [{ "retry-after": "3" }, 3000],
    [{ "retry-after": "Tue, 24 Nov 2026 10:00:07 GMT" }, 7000],
    [{ "retry-after": "Tue, 24 Nov 2026 09:00:00 GMT" }, 0],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "3", "retry-after-ms": "250" }, 250],
    [{}, undefined],
  ])("reads %o", (headers, expected) => {
    expect(retryAfterMs(new Headers(headers as Record<string, string>), now)).toBe(expected);
  });

  it("leaves the endpoint alone for so long, all requests together", async () => {
    await using server = await ChatServer.start();
    const waitMs = 1500;
    server.reply = ({ index }) =>
      index === 1
        ? { status: 429, headers: { "retry-after-ms": `${waitMs}` }, body: "" }
        : { ...(completion("x") as object as { body: unknown }), delayMs: 30 };
    const png = await RgbImage.filled(8, 8, [0, 0, 0]).encodePng();
    const entries = Array.from({ length: 8 }, (_, i) => ({
      file: `${i}`,
      path: `${i}`,
      text: "",
      columns: {},
      read: async () => png,
    }));
    const asked = { model: "m", prompt: "p" };
    using journal = await CaptionJournal.open(join(work, "journal.jsonl"), asked);
    const run = await captionPictures(
      entries,
      new ChatEndpoint({ url: server.url, model: "m" }),
      journal,
      { prompt: "p", concurrency: 2, maxSide: 768 },
    );
    expect(run).toMatchObject({ answered: 8, requests: 9 });
    // The one beside it was under way already; the next is begun after the pause.
    const [, refused, next] = server.requests;
    const pause = (next?.at ?? 0) - (refused?.at ?? 0);
    expect(pause).toBeGreaterThanOrEqual(waitMs - 50);
    expect(pause).toBeLessThan(waitMs + 3000);
  });
});
