import type { DrawForm } from "./draw-form.ts";
import { drawRequest } from "./draw-request.ts";

export type Language = "curl" | "TypeScript" | "Python";

/** Settings of a snippet in addition to the form. */
export interface SnippetPlace {
  /** `http://127.0.0.1:7470` */
  readonly origin: string;
  readonly hasStart: boolean;
  readonly hasMask: boolean;
  /** Whether the server requires a key, which the code takes from the environment variable `PIXART_API_KEY`. */
  readonly needsKey: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** The form as ready-to-run code that draws the same. */
export function codeSnippet(language: Language, form: DrawForm, place: SnippetPlace): string {
  const fields: Fields = {
    ...drawRequest(form),
    ...(place.hasStart && { strength: form.strength }),
  };
  switch (language) {
    case "curl":
      return curl(fields, place);
    case "TypeScript":
      return typeScript(fields, place);
    case "Python":
      return python(fields, place);
  }
}

/** For a POSIX shell: within single quotes nothing is special except their end. */
const shellQuoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

function curl(fields: Fields, { origin, hasStart, hasMask, needsKey }: SnippetPlace): string {
  const key = needsKey ? ['  -H "authorization: Bearer $PIXART_API_KEY"'] : [];
  if (!hasStart)
    return [
      `curl ${origin}/v1/images/generations`,
      ...key,
      "  -H 'content-type: application/json'",
      `  -d ${shellQuoted(JSON.stringify(fields))}`,
    ].join(" \\\n");
  // -F would read "<3" and "@home" as files, and end at a semicolon.
  const form = Object.entries(fields).map(
    ([name, value]) =>
      `  --form-string ${shellQuoted(`${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)}`,
  );
  const files = ["  -F image=@start.png", ...(hasMask ? ["  -F mask=@mask.png"] : [])];
  return [`curl ${origin}/v1/images/edits`, ...key, ...files, ...form].join(" \\\n");
}

function typeScript(fields: Fields, place: SnippetPlace): string {
  const { origin, hasStart, hasMask, needsKey } = place;
  const files = [
    ...(hasStart ? ['  image: await readFile("start.png"),'] : []),
    ...(hasMask ? ['  mask: await readFile("mask.png"),'] : []),
  ];
  return [
    `import { ${hasStart ? "readFile, " : ""}writeFile } from "node:fs/promises";`,
    'import { PixartClient } from "pixart/client";',
    "",
    `const baseUrl = ${JSON.stringify(origin)};`,
    ...(needsKey ? ['const { PIXART_API_KEY: apiKey = "" } = process.env;'] : []),
    `const client = new PixartClient({ baseUrl${needsKey ? ", apiKey" : ""} });`,
    `const { pictures } = await client.${hasStart ? "edit" : "generate"}({`,
    ...files,
    ...Object.entries(fields).map(([name, value]) => `  ${name}: ${JSON.stringify(value)},`),
    "});",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is displayed code
    "for (const { bytes, seed } of pictures) await writeFile(`${seed}.png`, bytes);",
  ].join("\n");
}

/** Arguments that OpenAI's client accepts; others go into `extra_body`. */
const OPENAI: ReadonlySet<string> = new Set(["model", "prompt", "n", "size"]);

function python(fields: Fields, { origin, hasStart, hasMask, needsKey }: SnippetPlace): string {
  const key = needsKey ? 'os.environ["PIXART_API_KEY"]' : '"none"';
  const entries = Object.entries(fields);
  const own = entries.filter(([name]) => OPENAI.has(name));
  const extra = Object.fromEntries(entries.filter(([name]) => !OPENAI.has(name)));
  return [
    "import base64",
    ...(needsKey ? ["import os"] : []),
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url=${JSON.stringify(`${origin}/v1`)}, api_key=${key})`,
    `answer = client.images.${hasStart ? "edit" : "generate"}(`,
    ...(hasStart ? ['    image=open("start.png", "rb"),'] : []),
    ...(hasMask ? ['    mask=open("mask.png", "rb"),'] : []),
    ...own.map(([name, value]) => `    ${name}=${JSON.stringify(value)},`),
    `    extra_body=${JSON.stringify(extra)},`,
    ")",
    "for i, picture in enumerate(answer.data):",
    '    open(f"{i}.png", "wb").write(base64.b64decode(picture.b64_json))',
  ].join("\n");
}
