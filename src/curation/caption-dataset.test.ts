import { existsSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { ChatServer, completion } from "../../test/fixtures/chat-server.ts";
import { readDataset } from "../data/read-dataset.ts";
import { convertDataset } from "../data/writing/convert-dataset.ts";
import { RgbImage } from "../images/index.ts";
import {
  type CaptionDatasetOptions,
  type CaptionReport,
  captionDataset,
} from "./caption-dataset.ts";
import { ChatEndpoint } from "./chat-endpoint.ts";
import { writeReviewPage } from "./review-page.ts";

vi.mock("./review-page.ts", async (original) => {
  const page = await original<typeof import("./review-page.ts")>();
  return { ...page, writeReviewPage: vi.fn(page.writeReviewPage) };
});

let work: string;
let folder: string;
let server: ChatServer;
let png: Uint8Array;
let count = 0;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "pixart-caption-"));
  png = await RgbImage.filled(1536, 512, [200, 30, 30]).encodePng();
});
afterAll(() => rm(work, { recursive: true }));
beforeEach(async () => {
  folder = join(work, `${++count}`);
  await mkdir(folder);
  server = await ChatServer.start();
});
afterEach(() => server[Symbol.asyncDispose]());

async function files(contents: Record<string, true | string>): Promise<void> {
  for (const [name, content] of Object.entries(contents))
    await writeFile(join(folder, name), content === true ? png : content);
}

const caption = (
  options: Partial<CaptionDatasetOptions> = {},
  place = folder,
): Promise<CaptionReport> =>
  captionDataset(place, new ChatEndpoint({ url: server.url, model: "llava" }), {
    prompt: "Describe this",
    concurrency: 2,
    maxSide: 768,
    ...options,
  });

const jsonl = async (path = join(folder, "metadata.jsonl")): Promise<string[]> =>
  (await readFile(path, "utf8")).trimEnd().split("\n");

const said = async (place = folder): Promise<unknown[]> =>
  (await readDataset(place)).entries.map(({ file, text, columns }) => [
    file,
    text,
    columns.dense_text,
  ]);

describe("captionDataset", () => {
  it("asks once for each picture, and writes what training reads beside the pictures", async () => {
    await files({ "a.png": true, "a.txt": "an a\n", "b.png": true, "b.txt": "a b" });
    server.reply = ({ picture, prompt }) => completion(` ${prompt}: ${picture.length} bytes \n`);
    const report = await caption();
    const [request] = server.requests;
    expect(request).toMatchObject({
      path: "/v1/chat/completions",
      authorization: undefined,
      prompt: "Describe this",
      body: { model: "llava", temperature: 0.2, max_tokens: 1024 },
    });
    const sent = await RgbImage.decode(request?.picture ?? "");
    expect([sent.width, sent.height]).toEqual([768, 256]);
    const dense = `Describe this: ${request?.picture.length} bytes`;
    expect(report).toMatchObject({
      pictures: 2,
      wanted: 2,
      answered: 2,
      requests: 2,
      tokens: 200,
      left: 0,
      failures: [],
      stopped: undefined,
      result: join(folder, "metadata.jsonl"),
      journal: join(folder, "captions-journal.jsonl"),
    });
    expect(await jsonl()).toEqual([
      JSON.stringify({ file_name: "a.png", text: "an a", dense_text: dense }),
      JSON.stringify({ file_name: "b.png", text: "a b", dense_text: dense }),
    ]);
    expect(await said()).toEqual([
      ["a.png", "an a", dense],
      ["b.png", "a b", dense],
    ]);
    expect(await readFile(join(folder, "a.txt"), "utf8")).toBe("an a\n");
    expect((await readdir(folder)).sort()).toEqual([
      "a.png",
      "a.txt",
      "b.png",
      "b.txt",
      "captions-journal.jsonl",
      "metadata.jsonl",
    ]);
    await caption();
    expect(server.requests.length).toBe(2);
  });

  it("keeps every line, column and digit of a metadata.jsonl, and the file as it was", async () => {
    const before =
      '{"file_name": "./b.png", "text": "a b", "id": 12345678901234567890, "score": 1.50, "similarity": NaN}\n' +
      '{"file_name": "gone.png", "text": "gone"}\n' +
      '{"file_name": "a.png", "text": "an a", "dense_text": "by hand"}\n';
    await files({ "a.png": true, "b.png": true, "c.png": true, "metadata.jsonl": before });
    const report = await caption();
    expect(report).toMatchObject({ pictures: 3, haveOne: 1, wanted: 2 });
    expect(report.failures).toEqual([
      { path: join(folder, "gone.png"), reason: expect.stringContaining("there is no such file") },
    ]);
    const answer = async (file: string): Promise<unknown> =>
      (await jsonl(report.journal))
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .find((line) => line.file === file)?.caption;
    const c = await answer("c.png");
    expect(await jsonl()).toEqual([
      `{"file_name":"./b.png","text":"a b","id":12345678901234567890,"score":1.50,"similarity":NaN,"dense_text":"${await answer("b.png")}"}`,
      '{"file_name": "gone.png", "text": "gone"}',
      '{"file_name": "a.png", "text": "an a", "dense_text": "by hand"}',
      `{"file_name":"c.png","text":"${c}","dense_text":"${c}"}`,
    ]);
    expect(await readFile(join(folder, "metadata.before-captions.jsonl"), "utf8")).toBe(before);
  });

  it("leaves corrected captions alone until it is told to overwrite them", async () => {
    await files({ "a.png": true, "metadata.jsonl": '{"file_name": "a.png", "text": "an a"}\n' });
    await caption();
    const corrected = '{"file_name": "a.png", "text": "an a", "dense_text": "corrected"}\n';
    await files({ "metadata.jsonl": corrected });
    await caption();
    expect(await said()).toEqual([["a.png", "an a", "corrected"]]);
    // Another prompt's answers do not count, and are told.
    expect(await caption({ prompt: "Else", overwrite: true })).toMatchObject({
      wanted: 1,
      otherAnswers: 1,
    });
    expect(await said()).toEqual([["a.png", "an a", "dense 1"]]);
    expect(await jsonl(join(folder, "metadata.before-captions.jsonl"))).toEqual([
      '{"file_name": "a.png", "text": "an a"}',
    ]);
  });

  it("asks again when overwriting, and keeps every file that it replaces", async () => {
    await files({ "a.png": true, "metadata.jsonl": '{"file_name": "a.png", "text": "an a"}\n' });
    await caption();
    const corrected = '{"file_name": "a.png", "text": "an a", "dense_text": "corrected"}\n';
    await files({ "metadata.jsonl": corrected });
    const again = { inJournal: 0, wanted: 1, requests: 1 };
    expect(await caption({ overwrite: true })).toMatchObject(again);
    expect(await said()).toEqual([["a.png", "an a", "dense 1"]]);
    expect(await caption({ overwrite: true })).toMatchObject(again);
    expect(await said()).toEqual([["a.png", "an a", "dense 2"]]);
    const kept = ["", "-2", "-3"].map((number) => `metadata.before-captions${number}.jsonl`);
    const names = await readdir(folder);
    expect(names.filter((name) => name.startsWith("metadata.before")).sort()).toEqual(kept.sort());
    expect(await readFile(join(folder, "metadata.before-captions-2.jsonl"), "utf8")).toBe(
      corrected,
    );
    expect(await jsonl(join(folder, "metadata.before-captions-3.jsonl"))).toEqual([
      expect.stringContaining("dense 1"),
    ]);
  });

  it("continues an overwrite that was stopped, but not over corrections since", async () => {
    const names = ["a", "b", "c"].map((name) => `${name}.png`);
    const line = (name: string, dense: string): string =>
      JSON.stringify({ file_name: name, text: "x", dense_text: dense });
    const table = (...dense: string[]): string =>
      dense.map((text, i) => `${line(names[i] ?? "", text)}\n`).join("");
    await files({
      ...Object.fromEntries(names.map((name) => [name, true] as const)),
      "metadata.jsonl": table("old", "old", "old"),
    });
    const overwrite = { overwrite: true, concurrency: 1 };
    expect(await caption({ ...overwrite, maxRequests: 2 })).toMatchObject({ stopped: "budget" });
    expect((await said()).map((row) => (row as string[])[2])).toEqual([
      "dense 0",
      "dense 1",
      "old",
    ]);
    // As a killed process leaves it: the first answer is not written yet. The second was corrected.
    await files({ "metadata.jsonl": table("old", "corrected", "old") });
    expect(await caption({ ...overwrite, maxRequests: 1 })).toMatchObject({
      inJournal: 1,
      wanted: 2,
    });
    expect((await said()).map((row) => (row as string[])[2])).toEqual([
      "dense 0",
      "dense 2",
      "old",
    ]);
    await files({ "metadata.jsonl": table("dense 0", "corrected again", "old") });
    // An answer that fails leaves the correction alone, and the overwrite open.
    server.reply = ({ index }) =>
      index === 3 ? { status: 400, body: { error: { message: "no" } } } : completion(`d ${index}`);
    expect(await caption(overwrite)).toMatchObject({ inJournal: 1, wanted: 2, left: 0 });
    expect((await said()).map((row) => (row as string[])[2])).toEqual([
      "dense 0",
      "corrected again",
      "d 4",
    ]);
    expect(await caption(overwrite)).toMatchObject({ inJournal: 2, wanted: 1, failures: [] });
    expect(await caption(overwrite)).toMatchObject({ inJournal: 0, wanted: 3 });
  });

  it("keeps what is written by hand while it runs", async () => {
    const lines = (dense: string): string =>
      `{"file_name": "a.png", "text": "an a"${dense}}\n{"file_name": "b.png", "text": "a b"}\n`;
    await files({ "a.png": true, "b.png": true, "metadata.jsonl": lines("") });
    const byHand = lines(', "dense_text": "by hand"');
    server.reply = ({ index }) => {
      writeFileSync(join(folder, "metadata.jsonl"), byHand);
      return completion(`dense ${index}`);
    };
    await caption({ concurrency: 1 });
    expect((await said()).map((row) => (row as string[])[2])).toEqual(["by hand", "dense 1"]);
  });

  it("writes into every line of a picture", async () => {
    const both = ["one", "two"].map((text) =>
      JSON.stringify({ file_name: "a.png", text, dense_text: "old" }),
    );
    await files({ "a.png": true, "metadata.jsonl": `${both.join("\n")}\n` });
    await caption({ overwrite: true });
    expect(await jsonl()).toEqual(both.map((line) => line.replace("old", "dense 0")));
    expect((await readDataset(folder)).entries).toMatchObject([
      { text: "one", columns: { text: ["one", "two"], dense_text: "dense 0" } },
    ]);
  });

  it("puts the raw caption into the prompt, and lists pictures that have none", async () => {
    await files({ "a.png": true, "a.txt": "costs $& or $1", "b.png": true });
    const report = await caption({ prompt: 'Given "{}", describe' });
    expect(server.requests.map(({ prompt }) => prompt)).toEqual([
      'Given "costs $& or $1", describe',
    ]);
    expect(report.failures).toEqual([
      { path: join(folder, "b.png"), reason: "it has no raw caption for the {} of the prompt" },
    ]);
  });

  it("captions pictures that have no captions at all", async () => {
    await files({ "a.png": true });
    await caption();
    expect(await said()).toEqual([["a.png", "dense 0", "dense 0"]]);
  });

  it.each(["csv", "parquet", "webdataset", "pixart-json", "captions"] as const)(
    "writes a %s data set as a new one, and asks for a name of it first",
    async (to) => {
      await files({
        "a.png": true,
        "b.png": true,
        "metadata.jsonl":
          '{"file_name": "a.png", "text": "an a", "note": "n"}\n{"file_name": "b.png", "text": "a b", "note": "m"}\n',
      });
      const place = join(work, `${count}-${to}`);
      await convertDataset(folder, place, { to });
      await expect(caption({}, place)).rejects.toThrow(
        `Expected a new folder for the captioned data set, --out, because ${place} is a data set of the layout ${to}: captions can't be written next to its pictures`,
      );
      expect(server.requests).toEqual([]);
      const before = await readdir(place, { recursive: true });
      const out = join(work, `${count}-${to}-out`);
      server.reply = ({ index }) => completion(index === 0 ? "first" : "second");
      const report = await caption({ out, concurrency: 1 }, place);
      expect(report).toMatchObject({ result: out, journal: `${out}.captions-journal.jsonl` });
      expect(await said(out)).toEqual([
        ["a.png", "an a", "first"],
        ["b.png", "a b", "second"],
      ]);
      expect((await readDataset(out)).entries[0]?.columns).toMatchObject({ note: "n" });
      expect(await readFile(join(out, "a.png"))).toEqual(Buffer.from(png));
      expect(await readdir(place, { recursive: true })).toEqual(before);
      await expect(caption({ out }, place)).rejects.toThrow(
        `Expected a new folder for the captioned data set but received ${out}, which exists; name another, and if captions were already paid for, name their journal with --journal`,
      );
      expect(server.requests.length).toBe(2);
      const again = { out: `${out}-2`, journal: `${out}.captions-journal.jsonl` };
      expect(await caption(again, place)).toMatchObject({ inJournal: 2, requests: 0 });
      expect(await said(`${out}-2`)).toEqual(await said(out));
    },
  );

  it("can't write beside captions in several tables, or where a layout was chosen", async () => {
    await files({ "a.png": true, "a.txt": "an a" });
    await expect(caption({ read: { layout: "side-cars" } })).rejects.toThrow(
      `because ${folder} was read with --layout side-cars: captions can't`,
    );
    const table = join(folder, "sub", "metadata.jsonl");
    await mkdir(join(folder, "sub"));
    await writeFile(join(folder, "sub", "b.png"), png);
    await writeFile(table, '{"file_name": "b.png", "text": "a b"}\n');
    await expect(caption()).rejects.toThrow(`because ${folder} keeps captions in ${table}:`);
  });

  it("lists what can't be read or is refused, and goes on", async () => {
    await files({ "a.png": true, "b.png": "PNG?", "c.png": true, "metadata.jsonl": "" });
    const cutOff = png.subarray(0, 300);
    await writeFile(join(folder, "d.png"), cutOff);
    server.reply = ({ index }) =>
      index === 0
        ? { status: 400, body: { error: { message: "image\n too\u001b[31m odd" } } }
        : completion("fine");
    const report = await caption({ concurrency: 1 });
    expect(report).toMatchObject({ answered: 1, left: 0, stopped: undefined });
    expect(report.failures).toEqual([
      {
        path: join(folder, "b.png"),
        reason: "expected a JPEG, PNG, WebP or AVIF picture but found unknown data",
      },
      {
        path: join(folder, "a.png"),
        reason: `${server.url}/chat/completions answers 400 (image too [31m odd)`,
      },
      {
        path: join(folder, "d.png"),
        reason: "the PNG data is damaged, cut off or of an unsupported kind",
      },
    ]);
    expect(await said()).toEqual([["c.png", "fine", "fine"]]);
    expect(await caption()).toMatchObject({ wanted: 2, requests: 1 });
  });

  it("stops at the budget of requests or tokens, and the next call goes on", async () => {
    const names = Array.from({ length: 9 }, (_, i) => `${i}.png`);
    await files(Object.fromEntries(names.map((name) => [name, true])));
    const out = join(work, `${count}-out`);
    expect(await caption({ maxRequests: 4, out })).toMatchObject({
      answered: 4,
      requests: 4,
      left: 5,
      stopped: "budget",
      result: null,
    });
    expect(server.requests.length).toBe(4);
    expect(existsSync(out)).toBe(false);
    // 100 tokens an answer, and one request at once: the third is begun at 200, the fourth is not at 300.
    expect(await caption({ maxTotalTokens: 300, out, concurrency: 1 })).toMatchObject({
      inJournal: 4,
      answered: 3,
      tokens: 300,
      left: 2,
      stopped: "budget",
    });
    expect(await caption({ out })).toMatchObject({ answered: 2, left: 0, result: out });
    expect((await said(out)).length).toBe(9);
    expect(server.requests.length).toBe(9);
  });

  it("keeps as many requests under way as it is told, and no more", async () => {
    const names = Array.from({ length: 12 }, (_, i) => `${i}.png`);
    await files(Object.fromEntries(names.map((name) => [name, true])));
    server.reply = () => ({ ...(completion("x") as object), delayMs: 400 }) as never;
    await caption({ concurrency: 4 });
    expect(server.mostUnderWay).toBe(4);
  });

  it("ends at once where it is interrupted, with what has come", async () => {
    await files({ "a.png": true, "b.png": true, "c.png": true });
    const interrupt = new AbortController();
    server.reply = ({ index }) => {
      if (index < 1) return completion("came");
      setTimeout(() => interrupt.abort(), 20);
      return "hang";
    };
    const report = await caption({ signal: interrupt.signal, concurrency: 1 });
    expect(report).toMatchObject({ answered: 1, left: 2, failures: [], stopped: "interrupted" });
    expect(await said()).toEqual([["a.png", "came", "came"]]);
    server.reply = () => completion("later");
    expect(await caption()).toMatchObject({ wanted: 2, answered: 2 });
  });

  it("writes a page to look captions over, with nothing in it that runs", async () => {
    await files({ "a.png": true, "a.txt": '<script>alert("raw")</script> & more' });
    server.reply = () =>
      completion("</p><img src=x onerror=alert(1)>", {
        choices: [
          { finish_reason: "length", message: { content: "</p><img src=x onerror=alert(1)>" } },
        ],
      });
    const sheet = join(folder, "new", "review.html");
    expect(await caption({ sheet })).toMatchObject({ cut: 1 });
    const page = await readFile(sheet, "utf8");
    expect(page).toContain("&lt;script&gt;alert(&quot;raw&quot;)&lt;/script&gt; &amp; more");
    expect(page).toContain("&lt;/p&gt;&lt;img src=x onerror=alert(1)&gt;");
    expect(page).toContain("cut at the token limit");
    expect(page.match(/<(script|img)\b/g)).toEqual(["<img"]);
    const [, jpeg = ""] = /src="data:image\/jpeg;base64,([^"]+)"/.exec(page) ?? [];
    const thumbnail = await RgbImage.decode(Buffer.from(jpeg, "base64"));
    expect([thumbnail.width, thumbnail.height]).toEqual([256, 85]);
    // Reduced as they are read: 200 photographs at their own size would fill the memory.
    const [, , held] = vi.mocked(writeReviewPage).mock.lastCall ?? [];
    expect(held?.map(({ image: { width, height } }) => [width, height])).toEqual([[256, 85]]);
  });
});
