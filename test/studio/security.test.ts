import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { RgbImage } from "../../src/images/index.ts";
import type { CheckState, RunLine } from "../../src/studio/api-types.ts";
import { pictureKey } from "../../src/studio/runs/addresses.ts";
import { HOSTILE_PATHS } from "../fixtures/hostile-paths.ts";
import { MADE_STAGE, writeMadeRun } from "../fixtures/made-run.ts";
import {
  CONTROL_KEY,
  startTestStudio,
  type TestStudio,
  VIEW_KEY,
} from "../fixtures/studio-server.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-studio-guard-"));
const runs = join(folder, "work_dirs");
let studio: TestStudio;
let id = "";
let linkedId = "";
const SECRET = "the secret";
/** A data set with a picture of its own, a caption that is a link out of it, and links to a picture and a folder out of it. */
const linked = join(folder, "data", "inner");
async function writeLinkedData(): Promise<void> {
  const outside = join(folder, "outside");
  for (const place of [linked, outside]) mkdirSync(place, { recursive: true });
  const flat = new RgbImage(8, 8, new Uint8Array(192).fill(9));
  for (const path of [join(linked, "own.png"), join(outside, "b.png")]) await flat.save(path);
  writeFileSync(join(outside, "own.txt"), SECRET);
  symlinkSync(join(outside, "own.txt"), join(linked, "own.txt"));
  symlinkSync(join(outside, "b.png"), join(linked, "a.png"));
  symlinkSync(outside, join(linked, "out"));
}

beforeAll(async () => {
  await writeMadeRun(join(runs, "mine"), {
    steps: 20,
    samples: [10],
    more: ["../../secret.png", "samples/link.png", "/etc/passwd", "samples\0.png"].map(
      (file, i) => ({
        ...{
          type: "sample",
          time: "2026-01-02T04:00:00.000Z",
          stage: MADE_STAGE,
          step: 11 + i,
          file,
        },
      }),
    ) as never,
  });
  mkdirSync(join(folder, "data"));
  writeFileSync(join(folder, "secret.png"), `\x89PNG\r\n\x1a\n${SECRET}`, "latin1");
  symlinkSync(join(folder, "secret.png"), join(runs, "mine", "samples", "link.png"));
  symlinkSync(folder, join(folder, "data", "out"));
  await writeLinkedData();
  await writeMadeRun(join(runs, "linked"), { steps: 3, data: linked });
  studio = await startTestStudio(folder);
  const { runs: lines } = await studio.get<{ runs: RunLine[] }>("/api/runs");
  id = lines.find(({ name }) => name === "mine")?.id ?? "";
  linkedId = lines.find(({ name }) => name === "linked")?.id ?? "";
});
afterAll(async () => {
  await studio.stop();
  rmSync(folder, { recursive: true });
});

/** All that is asked, and how. */
const routes = (): readonly (readonly [method: string, path: string, body?: unknown])[] => [
  ["GET", "/api/session"],
  ["GET", "/api/runs"],
  ["GET", `/api/runs/${id}`],
  ["GET", `/api/runs/${id}/series`],
  ["GET", `/api/runs/${id}/samples`],
  ["GET", `/api/runs/${id}/samples/${MADE_STAGE}/10/sheet`],
  ["GET", `/api/runs/${id}/worst`],
  ["GET", `/api/runs/${id}/log`],
  ["GET", `/api/runs/${id}/pictures/x`],
  ["GET", `/api/compare?a=${id}&b=${id}`],
  ["GET", "/api/events"],
  ["GET", "/api/starts"],
  ["GET", "/api/folders"],
  ["GET", "/api/jobs/x"],
  ["GET", "/api/jobs/x/pictures/y"],
  ["GET", "/api/models"],
  ["GET", "/api/system"],
  ...changes(),
];

/** Those of them that change something. */
const changes = (): readonly (readonly [method: string, path: string, body: unknown])[] => [
  ["POST", `/api/runs/${id}/control`, { do: "stop" }],
  ["POST", `/api/runs/${id}/resume`, {}],
  ["POST", `/api/runs/${id}/publish`, { name: "out" }],
  ["POST", "/api/data/check", { folder: join(folder, "data") }],
  ["POST", "/api/runs", START],
  ["POST", "/v1/images/generations", { prompt: "a" }],
];
const START = {
  ...{ name: "new", folder: join(folder, "data"), base: "emoji-small", goal: "style" },
  ...{ minutes: 1, dry: false },
};

/** Names and times of all that lies in a folder, links as such. */
const onDisk = (path: string = folder): unknown[] =>
  readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const inner = join(path, entry.name);
    const own = [inner, lstatSync(inner).mtimeMs];
    return entry.isDirectory() ? [own, ...onDisk(inner)] : [own];
  });

describe("without a key", () => {
  it("nothing is told but the page, which is empty", async () => {
    for (const [method, path, body] of routes()) {
      const headers = { "content-type": "application/json" };
      const { status } = await studio.ask(path, {
        method,
        headers,
        body: JSON.stringify(body) ?? "",
      });
      expect(status, `${method} ${path}`).toBe(401);
    }
    for (const path of ["/", "/runs/latest", "/draw", "/compare", "/assets/app-1.js"]) {
      const { status, headers } = await studio.ask(path);
      expect(status, path).toBe(200);
      expect(headers["content-security-policy"]).toMatch(
        /^default-src 'self'; img-src 'self' blob: data:/,
      );
      expect(headers["x-content-type-options"]).toBe("nosniff");
    }
  });
});

describe("a key that may only look", () => {
  it("changes nothing", async () => {
    const before = onDisk();
    for (const [, path, body] of changes()) {
      const { status, text } = await studio.post(path, body, VIEW_KEY);
      expect([status, JSON.parse(text).error.code], path).toEqual([403, "view_only"]);
    }
    expect(onDisk()).toEqual(before);
    const rights = { canDraw: false, canDrawRuns: false, canControl: false, needsKey: true };
    expect(await studio.get("/api/session", VIEW_KEY)).toEqual(rights);
    expect(await studio.get<object>(`/api/runs/${id}`, VIEW_KEY)).toMatchObject({
      canControl: false,
    });
  });
});

describe("a server that shows runs read-only", () => {
  it("draws and changes no run, and says so to the page", async () => {
    const other = await startTestStudio(folder, { isReadOnly: true });
    try {
      const rights = { canDraw: true, canDrawRuns: true, canControl: false, needsKey: true };
      expect(await other.get("/api/session")).toEqual(rights);
      const opened = await other.post("/api/session", { key: CONTROL_KEY });
      expect(JSON.parse(opened.text)).toEqual(rights);
      expect(await other.get<object>(`/api/runs/${id}`)).toMatchObject({ canControl: false });
      for (const [, path, body] of changes()) {
        const { status, text } = await other.post(path, body);
        if (path.startsWith("/v1")) expect(status).toBe(200);
        else
          expect([status, JSON.parse(text).error], path).toMatchObject([
            403,
            {
              code: "read_only",
              message:
                "This server shows runs read-only; to change them, use pixart studio without --read-only",
            },
          ]);
      }
    } finally {
      await other.stop();
    }
  });
});

it("of the served models alone says that no run is drawn with", async () => {
  const other = await startTestStudio(folder, { isReadOnly: true, offersModels: false });
  const rights = { canDraw: true, canDrawRuns: false, canControl: false, needsKey: true };
  expect(await other.get("/api/session")).toEqual(rights);
  await other.stop();
});

describe("a session", () => {
  const begin = async (key: string): Promise<{ cookie: string; header: string }> => {
    const { status, headers, text } = await studio.ask("/api/session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ key }),
    });
    const hasAll = key === CONTROL_KEY;
    const rights = { canDraw: hasAll, canDrawRuns: hasAll, canControl: hasAll, needsKey: true };
    expect([status, JSON.parse(text)]).toEqual([200, rights]);
    const [header = ""] = headers["set-cookie"] as string[];
    return { header, cookie: header.split(";")[0] ?? "" };
  };

  it("is a cookie that no script reads and no other site sends", async () => {
    const { header, cookie } = await begin(CONTROL_KEY);
    expect(header).toMatch(/^pixart-\d+=[\w.-]+; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict$/);
    expect(header).not.toContain(CONTROL_KEY);
    expect((await studio.ask("/api/session", { headers: { cookie } })).status).toBe(200);
    expect((await studio.ask("/v1/models", { headers: { cookie } })).status).toBe(200);
    for (const bad of [
      `${cookie}x`,
      cookie.replace(/=\d/, "=9"),
      cookie.split("=")[0] ?? "",
      "a=b",
    ])
      expect((await studio.ask("/api/session", { headers: { cookie: bad } })).status, bad).toBe(
        401,
      );
  });

  it("changes something only from this server's own page", async () => {
    const { cookie } = await begin(CONTROL_KEY);
    const { host } = new URL(studio.server.url);
    const post = async (headers: Record<string, string>): Promise<number> => {
      const sent = { cookie, "content-type": "application/json", ...headers };
      const body = JSON.stringify({ folder: join(folder, "nowhere") });
      return (await studio.ask("/api/data/check", { method: "POST", headers: sent, body })).status;
    };
    expect(await post({ origin: `http://${host}` })).toBe(404);
    expect(await post({ "sec-fetch-site": "same-origin" })).toBe(404);
    for (const headers of [
      {},
      { origin: "null" },
      { origin: "https://evil.example" },
      { origin: "http://127.0.0.1:1" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { "sec-fetch-site": "none" },
      { origin: `http://${host}`, "content-type": "text/plain" },
      { origin: `http://${host}`, host: "evil.example" },
    ] as Record<string, string>[])
      expect([403, 415], JSON.stringify(headers)).toContain(await post(headers));
  });

  it("of a key that looks changes nothing, and ends when it is told to", async () => {
    const { cookie } = await begin(VIEW_KEY);
    const { host } = new URL(studio.server.url);
    const headers = { cookie, origin: `http://${host}`, "content-type": "application/json" };
    for (const [, path, body] of changes()) {
      const sent = { method: "POST", headers, body: JSON.stringify(body) };
      expect((await studio.ask(path, sent)).status, path).toBe(403);
    }
    const { status, headers: got } = await studio.ask("/api/session", {
      method: "DELETE",
      headers,
    });
    expect([status, String(got["set-cookie"])]).toEqual([
      204,
      expect.stringContaining("Max-Age=0"),
    ]);
  });

  it("of callers who send slowly, or much, takes no room from those with a key", async () => {
    const headers = { "content-type": "application/json", "transfer-encoding": "chunked" };
    const { hostname: host, port } = new URL(studio.server.url);
    const slow = Array.from({ length: 12 }, () => {
      const sent = request({ host, port, path: "/api/session", method: "POST", headers });
      sent.on("error", () => {});
      sent.write("{");
      return sent;
    });
    await vi.waitFor(async () => {
      const sockets = slow.map(({ socket }) => socket?.bytesWritten ?? 0);
      expect(Math.min(...sockets)).toBeGreaterThan(0);
    });
    await sleep(200); // the server has begun to read them
    const checked = await studio.post("/api/data/check", { folder: join(folder, "nowhere") });
    expect(checked.status).toBe(404);
    await begin(VIEW_KEY);
    for (const sent of slow) sent.destroy();
    const large = JSON.stringify({ key: "x".repeat(100_000) });
    const { status } = await studio.ask("/api/session", { method: "POST", headers, body: large });
    expect(status).toBe(413);
  });

  it("is refused for no key of this server", async () => {
    for (const key of ["wrong", "", 7, CONTROL_KEY.slice(1)]) {
      const { status } = await studio.ask("/api/session", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ key }),
      });
      expect([400, 401], String(key)).toContain(status);
    }
  });
});

describe("a foreign page", () => {
  it("changes and reads nothing, whatever it sends", async () => {
    const before = onDisk();
    const foreign: Record<string, string>[] = [
      { origin: "https://evil.example" },
      { origin: "null" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { host: "evil.example" },
      { host: "127.0.0.1.evil.example" },
    ];
    for (const [method, path, body] of routes())
      for (const extra of foreign)
        for (const type of ["application/json", "text/plain"]) {
          const headers = { "api-key": CONTROL_KEY, "content-type": type, ...extra };
          const sent = { method, headers, body: JSON.stringify(body) ?? "" };
          const { status } = await studio.ask(path, sent);
          expect([403, 415], `${method} ${path} ${JSON.stringify(headers)}`).toContain(status);
        }
    expect(onDisk()).toEqual(before);
  });

  it("may open the page by a link", async () => {
    const headers = { "sec-fetch-site": "cross-site" };
    for (const path of ["/", "/runs/latest"])
      expect((await studio.ask(path, { headers })).status).toBe(200);
  });
});

describe("paths", () => {
  it("lead to nothing outside, on any route", async () => {
    const headers = { "api-key": CONTROL_KEY };
    const prefixes = [
      ...["/", "/assets/", "/api/", "/api/runs/", `/api/runs/${id}/samples/`, "/api/jobs/"],
      ...[`/api/runs/${id}/samples/${MADE_STAGE}/10/`, `/api/runs/${id}/pictures/`],
    ];
    for (const prefix of prefixes) {
      const answers = await Promise.all(
        HOSTILE_PATHS.map((path) =>
          studio.ask(`${prefix}${path}`, { headers }).catch(() => undefined),
        ),
      );
      for (const [i, answer] of answers.entries()) {
        if (answer === undefined) continue; // Node refused to send it
        expect([400, 404], `${prefix}${HOSTILE_PATHS[i]}`).toContain(answer.status);
        expect(answer.text).not.toMatch(/root:|_class_name|"dependencies"|PATH=/);
      }
    }
  });

  it("of a run's own events lead to nothing outside of it", async () => {
    const headers = { "api-key": CONTROL_KEY };
    for (const step of [11, 12, 13, 14]) {
      const { status, text } = await studio.ask(
        `/api/runs/${id}/samples/${MADE_STAGE}/${step}/sheet`,
        { headers },
      );
      expect([status, text.includes(SECRET)], String(step)).toEqual([404, false]);
    }
  });

  it("of data lead to nothing outside of its folders, and over no link", async () => {
    for (const path of [
      ...["/", "/etc", folder, `${folder}/data/..`, `${folder}/data/../..`, `${folder}/data/out`],
      ...[`${folder}/data/out/data`, "..", "../..", "data\0", "~", "//etc", `${folder}/data2`],
    ]) {
      const query = `/api/folders?path=${encodeURIComponent(path)}`;
      expect((await studio.ask(query, { headers: { "api-key": CONTROL_KEY } })).status, path).toBe(
        404,
      );
      expect((await studio.post("/api/data/check", { folder: path })).status, path).toBe(404);
      expect((await studio.post("/api/runs", { ...START, folder: path })).status, path).toBe(404);
    }
    const roots = [join(folder, "data"), runs];
    const listed = await studio.get<{ folders: string[] }>("/api/folders");
    expect(listed).toEqual({ path: "", parent: null, folders: roots, pictures: 0 });
    const inside = await studio.get<object>(
      `/api/folders?path=${encodeURIComponent(roots[0] ?? "")}`,
    );
    expect(inside).toEqual({ path: roots[0], parent: null, folders: ["inner"], pictures: 0 });
  });

  it("of data show nothing that its links lead to", async () => {
    const { text } = await studio.post("/api/data/check", { folder: linked });
    const job = `/api/jobs/${JSON.parse(text).job}`;
    await vi.waitFor(
      async () => expect((await studio.get<CheckState>(job)).state).not.toBe("running"),
      { timeout: 60_000, interval: 100 },
    );
    const { state, report, message } = await studio.get<CheckState>(job);
    expect([state, message]).toEqual(["done", null]);
    expect(report?.shown.map(({ name, caption }) => [name, caption])).toEqual([["own.png", ""]]);
    expect(report?.unreadable).toEqual(
      ["a.png", "out", "own.txt"].map((name) => ({
        name: join(linked, name),
        reason: "it leads outside the folders that may be read here",
      })),
    );
    for (const place of [job, `/api/runs/${linkedId}`])
      for (const [name, status] of [
        ["own.png", 200],
        ["a.png", 404],
        ["out/b.png", 404],
      ] as const) {
        const path = `${place}/pictures/${pictureKey(name)}`;
        const answer = await studio.ask(path, { headers: { "api-key": VIEW_KEY } });
        expect(answer.status, path).toBe(status);
      }
  });

  it("of what is begun are names, and overrides set nothing that is read, written or run", async () => {
    for (const change of [
      ...["../new", "a/b", ".hidden", "", "-x", "a".repeat(99)].map((name) => ({ name })),
      ...[
        "dataset.folder",
        "workDir",
        "base",
        "dataset.cache.folder",
        "autoencoder.pretrained",
        ...[
          "processes",
          "stages.0.name",
          "stages.0.kind.x",
          "stages.0",
          "stages",
          "stages.x.steps",
        ],
        ...["dataset", "dataset.cache", "unknown", "__proto__.x", "stages.0.steps.", "sampling..x"],
      ].map((path) => ({ overrides: { [path]: "/etc" } })),
      { overrides: { "stages.0": '{"kind":"autoencoder","name":"x"}' } },
      ...["configs/evil.ts", "../../x", "a/b"].map((base) => ({ base })),
      { unknown: 1 },
    ]) {
      const { status, text } = await studio.post("/api/runs", { ...START, ...change });
      expect(status, JSON.stringify(change)).toBe(400);
      expect(text).not.toContain(folder);
    }
  });
});
