import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import { download } from "./download.ts";
import { HubError, HubUnreachableError } from "./errors.ts";
import { noProgress } from "./progress/progress.ts";
import type { RemoteFile } from "./remote-file.ts";

const pauses = vi.hoisted((): number[] => []);
vi.mock("node:timers/promises", () => ({
  setTimeout: async (milliseconds: number) => {
    pauses.push(milliseconds);
  },
}));

const top = mkdtempSync(join(tmpdir(), "pixart-download-"));
afterAll(() => rmSync(top, { recursive: true }));

const content = Buffer.from("the content of a file");
const etag = createHash("sha256").update(content).digest("hex");
const blobId = "0".repeat(40);
const file: RemoteFile = {
  path: "w.safetensors",
  size: content.length,
  etag,
  isLarge: true,
  blobId,
};

/** An answer from a byte on; all of it, or what comes until the connection breaks. */
function answer(from: number, bytes = content.length): Response {
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (bytes === 0) return controller.error(new TypeError("terminated"));
      controller.enqueue(content.subarray(from, from + bytes));
      if (bytes >= content.length - from) controller.close();
      bytes = 0;
    },
  });
  const headers = { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` };
  return new Response(body, { status: 206, headers });
}

describe("download", () => {
  it("gives up after some attempts that bring nothing, and keeps what came", async () => {
    const path = join(top, "given-up");
    const starts: number[] = [];
    const job = { file, progress: noProgress };
    const failing = download(path, {
      ...job,
      request: async (from) => {
        starts.push(from);
        return answer(from, from === 0 ? 8 : 0);
      },
    });
    await expect(failing).rejects.toThrow(HubUnreachableError);
    await expect(failing).rejects.toThrow(
      "w.safetensors: the connection broke after 8 of 21 bytes (TypeError: terminated); they are kept, and the next call continues from there",
    );
    expect(starts).toEqual([0, 8, 8, 8, 8, 8]);
    expect(pauses).toEqual([250, 500, 1000, 2000, 4000]);
    expect(existsSync(path)).toBe(false);
    await download(path, { ...job, request: async (from) => answer(from) });
    expect(readFileSync(path)).toEqual(content);
  });

  it("asks again where the server is busy, and not where it refuses", async () => {
    const path = join(top, "busy");
    let asked = 0;
    const request = (error: Error) => async (from: number) => {
      asked += 1;
      if (asked === 1) throw error;
      return answer(from);
    };
    const refused = new HubError("no");
    const refusing = download(path, { file, progress: noProgress, request: request(refused) });
    await expect(refusing).rejects.toBe(refused);
    expect(asked).toBe(1);
    asked = 0;
    const busy = new HubUnreachableError("busy");
    await download(path, { file, progress: noProgress, request: request(busy) });
    expect(asked).toBe(2);
    expect(readFileSync(path)).toEqual(content);
  });

  it("takes more bytes than the file has for wrong ones only where they are", async () => {
    const path = join(top, "long");
    const request = async (): Promise<Response> => new Response(Buffer.concat([content, content]));
    await download(path, { file, progress: noProgress, request });
    expect(readFileSync(path)).toEqual(content);
    const empty = createHash("sha1").update("blob 0\0").digest("hex");
    await download(path, {
      file: { path: "empty", size: 0, etag: empty, isLarge: false, blobId: empty },
      progress: noProgress,
      request,
    });
    expect(readFileSync(path)).toHaveLength(0);
  });
});
