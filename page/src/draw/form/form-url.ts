import { type AdapterChoice, type DrawForm, EMPTY_FORM } from "./draw-form.ts";

const TEXTS = ["model", "prompt", "negative", "size", "scheduler"] as const;
const NUMBERS = {
  seed: "seed",
  count: "n",
  steps: "steps",
  guidance: "cfg",
  strength: "strength",
} as const;
type NumberField = keyof typeof NUMBERS;
const numberFields = Object.keys(NUMBERS) as NumberField[];

/** The form as a URL query, without fields that equal those of an empty form, so that a drawing can be shared by its URL. */
export function formQuery(form: DrawForm): string {
  const query = new URLSearchParams();
  for (const name of TEXTS) if (form[name] !== EMPTY_FORM[name]) query.set(name, form[name]);
  for (const name of numberFields) {
    const value = form[name];
    if (value !== null && (name === "seed" || value !== EMPTY_FORM[name]))
      query.set(NUMBERS[name], String(value));
  }
  if (!form.keepsSeed) query.set("keep", "0");
  for (const { name, scale } of form.adapters) query.append("adapter", `${name}:${scale}`);
  return query.toString();
}

/** The form fields in a URL. Missing or invalid ones are skipped. A given seed is kept. */
export function formOfQuery(query: URLSearchParams): Partial<DrawForm> {
  const texts = TEXTS.flatMap((name) => {
    const value = query.get(name);
    return value === null ? [] : [[name, value] as const];
  });
  const numbers = numberFields.flatMap((name) => {
    const text = query.get(NUMBERS[name]);
    const value = Number(text);
    return text === null || text === "" || !Number.isFinite(value) ? [] : [[name, value] as const];
  });
  const adapters = query.getAll("adapter").flatMap(adapterOf);
  return {
    ...Object.fromEntries(texts),
    ...Object.fromEntries(numbers),
    ...(query.has("seed") && { keepsSeed: query.get("keep") !== "0" }),
    ...(adapters.length > 0 && { adapters }),
  };
}

function adapterOf(text: string): AdapterChoice[] {
  const colon = text.lastIndexOf(":");
  const scale = Number(text.slice(colon + 1));
  return colon > 0 && Number.isFinite(scale) ? [{ name: text.slice(0, colon), scale }] : [];
}
