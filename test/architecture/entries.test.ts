import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const json = (name: string): unknown => JSON.parse(readFileSync(root + name, "utf8"));

interface Entry {
  readonly types: string;
  readonly default: string;
}

const { exports } = json("package.json") as { exports: Record<string, Entry | string> };
const { compilerOptions } = json("tsconfig.json") as {
  compilerOptions: { paths: Record<string, readonly string[]> };
};
/** What programs import, by name, and the source of each. */
const entries = Object.entries(compilerOptions.paths).map(
  ([name, [source = ""]]) => [name, source.replace("./", "")] as const,
);

/** The rooms of src/ and the packages that importing a source loads at once. */
async function loadedBy(source: string): Promise<{ rooms: string[]; packages: string[] }> {
  const { files, packages } = await importedBy(source);
  const rooms = files.map((file) => file.split("/")).filter(({ length }) => length > 2);
  return {
    rooms: [...new Set(rooms.map(([, room = ""]) => room))].sort(),
    packages: packages.sort(),
  };
}

async function importedBy(source: string): Promise<{ files: string[]; packages: string[] }> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [source],
    outdir: "dist/entries",
    bundle: true,
    splitting: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "node",
    packages: "external",
  });
  const files = new Set([source]);
  const packages = new Set<string>();
  for (const file of files) {
    for (const { path, kind, external } of metafile.inputs[file]?.imports ?? []) {
      if (kind === "dynamic-import") continue;
      if (external !== true) files.add(path);
      else if (!path.startsWith("node:")) packages.add(path);
    }
  }
  return { files: [...files], packages: [...packages] };
}

describe("what programs import", () => {
  it("is the same in package.json, for the compiler and in the documentation", () => {
    const exported = Object.entries(exports).flatMap(([name, entry]) =>
      typeof entry === "string" ? [] : [[name.replace(".", "pixart"), entry.types] as const],
    );
    const types = entries.map(([name, source]) => [
      name,
      source.replace("src/", "./dist/").replace(".ts", ".d.ts"),
    ]);
    expect(exported.toSorted()).toEqual(types.toSorted());
    const { entryPoints } = json("typedoc.json") as { entryPoints: string[] };
    expect(entryPoints.toSorted()).toEqual(entries.map(([, source]) => source).toSorted());
  });

  it("loads what it needs, and of the command line and of training nothing", async () => {
    const found: Record<string, Awaited<ReturnType<typeof loadedBy>>> = {};
    for (const [name, source] of entries) found[name] = await loadedBy(source);
    expect(found).toEqual({
      pixart: {
        rooms: [
          ..."errors files hub images models nn optim pipelines schedulers text torch training weights".split(
            " ",
          ),
        ],
        packages: [
          "fastest-levenshtein",
          "lossless-json",
          "png-chunk-text",
          "png-chunks-encode",
          "sharp",
          "yauzl",
          "zod",
        ],
      },
      "pixart/torch": { rooms: ["errors", "files", "nn", "torch"], packages: [] },
      "pixart/models": {
        rooms: ["errors", "files", "hub", "models", "nn", "torch", "weights"],
        packages: ["fastest-levenshtein", "lossless-json", "yauzl"],
      },
      "pixart/schedulers": {
        rooms: ["errors", "files", "hub", "schedulers", "torch", "weights"],
        packages: ["fastest-levenshtein", "lossless-json", "yauzl"],
      },
      "pixart/images": {
        rooms: ["errors", "files", "images"],
        packages: ["lossless-json", "png-chunk-text", "png-chunks-encode", "sharp", "zod"],
      },
      "pixart/config": {
        rooms: ["config", "errors", "images", "optim"], // of the last two, tables and options alone
        packages: ["fastest-levenshtein", "zod"],
      },
      "pixart/client": { rooms: ["client"], packages: [] },
    });
  });

  it.each(["src/cli/serve.ts", "src/cli/studio.ts"])(
    "loads no engine where %s answers requests: a child has it",
    async (source) => {
      const { files } = await importedBy(source);
      expect(files).toContain("src/server/requests/read-request.ts");
      expect(files).not.toContain("src/torch/binding.ts");
    },
  );
});
