import { readdirSync, readFileSync } from "node:fs";
import { dirname, posix } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const src = fileURLToPath(new URL("../../src/", import.meta.url));

/** The rooms of src/: each may import those before it. docs/architecture.md says what each is for. */
const ROOMS =
  `errors files torch nn optim weights hub schedulers models text images data pipelines curation evaluation distributed
  config training server client studio scale drawing cli`.split(/\s+/);
/** Rooms that may import these rooms and files alone. */
const ALONE: Readonly<Record<string, readonly string[]>> = {
  config: ["errors", "images/resolution-table.ts", "optim/optimizer-options.ts"],
  scale: ["errors"],
  server: [
    "errors",
    "images",
    "config",
    "files/processes/module-arguments.ts",
    "files/processes/process-stat.ts",
  ],
  client: ["server"], // its types: they are gone when it runs
};
/** The rooms within training/, in the same order. What lies beside them may import all. */
const TRAINING =
  "progress contract objectives checkpoints run-folder dataset models features stages loop preflight".split(
    " ",
  );
const MOST_FILES = 20;

interface Import {
  readonly from: string;
  readonly to: string;
}

const isSource = (name: string): boolean => name.endsWith(".ts") && !name.endsWith(".test.ts");
const sources = readdirSync(src, { recursive: true, encoding: "utf8" })
  .map((name) => name.replaceAll("\\", "/"))
  .filter(isSource);

/** Of files of this project, what a module imports: values and types, at once or later. */
function importsOf(from: string, text: string): Import[] {
  return ts
    .preProcessFile(text, true, true)
    .importedFiles.filter(({ fileName }) => fileName.startsWith("."))
    .map(({ fileName }) => ({ from, to: posix.join(dirname(from), fileName) }));
}

const imports = sources.flatMap((name) => importsOf(name, readFileSync(src + name, "utf8")));
const shown = ({ from, to }: Import): string => `${from} -> ${to}`;

/** Imports that run against an ordered list, of files that `roomOf` places. */
function against(
  list: readonly string[],
  roomOf: (file: string) => string | undefined,
  among: readonly Import[],
): Import[] {
  return among.filter(({ from, to }) => {
    const [importer, imported] = [roomOf(from), roomOf(to)];
    if (importer === undefined || imported === undefined || importer === imported) return false;
    return list.indexOf(imported) > list.indexOf(importer);
  });
}

const roomOf = (file: string): string | undefined =>
  file.includes("/") ? file.split("/")[0] : undefined;
const trainingRoomOf = (file: string): string | undefined => {
  const [room, inner, rest] = file.split("/");
  return room === "training" && rest !== undefined ? inner : undefined;
};
const besideTraining = (file: string): boolean =>
  file.startsWith("training/") && trainingRoomOf(file) === undefined;

/** Every circle of files that import each other, as the names in it. */
function circles(among: readonly Import[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to } of among) next.set(from, [...(next.get(from) ?? []), to]);
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const found: string[][] = [];
  const visit = (file: string): number => {
    let low = order.size;
    const own = low;
    order.set(file, own);
    open.push(file);
    for (const to of next.get(file) ?? []) {
      if (!order.has(to)) low = Math.min(low, visit(to));
      else if (open.includes(to)) low = Math.min(low, order.get(to) ?? low);
    }
    lowest.set(file, low);
    if (low === own) {
      const circle = open.splice(open.indexOf(file));
      if (circle.length > 1) found.push(circle.sort());
    }
    return low;
  };
  for (const { from } of among) if (!order.has(from)) visit(from);
  return found;
}

describe("rooms", () => {
  it("are all in the list", () => {
    const rooms = new Set(sources.map(roomOf).filter((room) => room !== undefined));
    expect([...rooms].sort()).toEqual([...ROOMS].sort());
    const within = new Set(sources.map(trainingRoomOf).filter((room) => room !== undefined));
    expect([...within].sort()).toEqual([...TRAINING].sort());
  });

  it("import only rooms before them, types included", () => {
    expect(against(ROOMS, roomOf, imports).map(shown)).toEqual([]);
  });

  it("that stand alone import no other than those named", () => {
    const others = imports.filter(({ from, to }) => {
      const [importer, imported] = [roomOf(from), roomOf(to)];
      const allowed = ALONE[importer ?? ""];
      if (allowed === undefined || imported === importer) return false;
      return !allowed.includes(imported ?? "") && !allowed.includes(to);
    });
    expect(others.map(shown)).toEqual([]);
  });

  it("of training import only rooms before them, and nothing that lies beside them", () => {
    expect(against(TRAINING, trainingRoomOf, imports).map(shown)).toEqual([]);
    const up = imports.filter(
      ({ from, to }) => trainingRoomOf(from) !== undefined && besideTraining(to),
    );
    expect(up.map(shown)).toEqual([]);
  });

  it("hold at most 20 files each", () => {
    const counts = new Map<string, number>();
    for (const name of sources) counts.set(dirname(name), (counts.get(dirname(name)) ?? 0) + 1);
    expect([...counts].filter(([, count]) => count > MOST_FILES)).toEqual([]);
  });

  it("have no circles of files, but for the engine's typed operators", () => {
    expect(circles(imports)).toEqual([["torch/ops.gen.ts", "torch/tensor.ts", "torch/wrap.ts"]]);
  });
});

describe("the rule", () => {
  it("sees an import of a value, of a type, and one at run time", () => {
    const text = `import { a } from "../b/a.ts";
      import type { T } from "../b/t.ts";
      type U = import("../b/u.ts").U;
      export * from "./c.ts";
      const later = () => import("../d/later.ts");
      import fs from "node:fs";`;
    expect(
      importsOf("a/here.ts", text)
        .map(({ to }) => to)
        .sort(),
    ).toEqual(["a/c.ts", "b/a.ts", "b/t.ts", "b/u.ts", "d/later.ts"]);
  });

  it("finds an import against the list and a circle", () => {
    const up = { from: "files/a.ts", to: "torch/b.ts" };
    const down = { from: "torch/b.ts", to: "files/a.ts" };
    expect(against(ROOMS, roomOf, [up, down])).toEqual([up]);
    expect(circles([up, down, { from: "nn/c.ts", to: "torch/b.ts" }])).toEqual([
      ["files/a.ts", "torch/b.ts"],
    ]);
  });
});
