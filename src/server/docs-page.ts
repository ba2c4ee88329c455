import { escaped } from "../images/escaped.ts";
import type { openApiDocument } from "./openapi.ts";

type Document = ReturnType<typeof openApiDocument>;

/** The parts of a JSON Schema that the page shows. */
interface Field {
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Field[];
  readonly minimum?: number;
  readonly maximum?: number;
}

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #8884;padding:.3rem .5rem;text-align:left;vertical-align:top}
code,pre{font-family:ui-monospace,monospace;font-size:.9em}pre{padding:1rem;overflow:auto;border:1px solid #8884}`;

/** A page for people: the endpoints and their fields, generated only from the document, without scripts. */
export function docsPage(document: Document): string {
  const routes = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Readonly<Record<string, { summary?: string }>>).map(
      ([method, { summary = "" }]) =>
        `<tr><td><code>${method.toUpperCase()} ${escaped(path)}</code></td><td>${escaped(summary)}</td></tr>`,
    ),
  );
  const schemas = (document.components?.schemas ?? {}) as Readonly<
    Record<string, { properties?: Readonly<Record<string, Field>>; required?: readonly string[] }>
  >;
  const tables = ["GenerationRequest", "EditRequest"].map((name) => {
    const { properties = {}, required = [] } = schemas[name] ?? {};
    const rows = Object.entries(properties).map(([field, schema]) => {
      const mark = required.includes(field) ? " (required)" : "";
      return `<tr><td><code>${escaped(field)}</code>${mark}</td><td>${escaped(kindOf(schema))}</td><td>${escaped(schema.description ?? "")}</td></tr>`;
    });
    return `<h2>${name}</h2><table><tr><th>field</th><th>kind</th><th></th></tr>${rows.join("")}</table>`;
  });
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>pixart serve</title><style>${STYLE}</style></head><body><h1>pixart serve</h1>
<p>Draws pictures from prompts. The API is that of OpenAI's Images: change a client's base URL, and it works.
<a href="/openapi.json">openapi.json</a> describes the same for programs.</p>
<pre>curl ORIGIN/v1/images/generations -H 'content-type: application/json' \\
  -d '{"prompt": "a red apple, noto style", "seed": 7}'</pre>
<table>${routes.join("")}</table>${tables.join("")}</body></html>`;
}

/** A short description of the values a field accepts. */
function kindOf(field: Field): string {
  if (field.enum !== undefined) return field.enum.filter((value) => value !== null).join(", ");
  const { minimum, maximum } = field;
  const types = [field.type ?? []].flat().filter((type) => type !== "null");
  const inner = (field.anyOf ?? []).map(kindOf).filter((kind) => kind !== "");
  const limits = minimum === undefined && maximum === undefined ? "" : ` ${minimum} to ${maximum}`;
  return types.length > 0 ? `${types.join(" or ")}${limits}` : [...new Set(inner)].join(" or ");
}
