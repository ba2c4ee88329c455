import type { z } from "zod";

/** Converts a form's texts to the types of a schema: numbers, booleans, and JSON for lists. */
export function formValues(
  schema: z.ZodObject,
  fields: Readonly<Record<string, string>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, text]) => [name, valueFrom(schema.shape[name], text)]),
  );
}

const WORDS: ReadonlyMap<string, boolean | null> = new Map([
  ["true", true],
  ["false", false],
  ["null", null],
]);

function valueFrom(field: z.core.$ZodType | undefined, text: string): unknown {
  switch (kindOf(field)) {
    case "number":
      if (text === "null") return null;
      return text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
    case "boolean":
      return WORDS.has(text) ? WORDS.get(text) : text;
    case "array":
      try {
        return JSON.parse(text);
      } catch {
        return text; // the schema reports what it should have been
      }
    case "enum":
      return text === "null" ? null : text;
    default:
      return text;
  }
}

/** The type of an optional field. */
function kindOf(field: z.core.$ZodType | undefined): string | undefined {
  const { def } = field?._zod ?? {};
  if (def === undefined) return undefined;
  const inner = "innerType" in def ? (def.innerType as z.core.$ZodType) : undefined;
  return inner === undefined ? def.type : kindOf(inner);
}
