import type { DrawModel } from "../../../../src/studio/api-types.ts";
import { type AdapterChoice, type DrawForm, EMPTY_FORM } from "../form/draw-form.ts";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Length and name before a chunk's data, and the checksum after it. */
const HEAD = 8;
const CHECKSUM = 4;
const LONGEST_TEXT = 2 ** 20;
const KEYWORD = "pixart";

/**
 * The text of a PNG's tEXt chunk with this keyword; undefined if the bytes are not a PNG or have none. Chunks are traversed by
 * their lengths without decoding any.
 */
export function pngText(bytes: Uint8Array, keyword: string): string | undefined {
  if (!SIGNATURE.every((byte, at) => bytes[at] === byte)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const latin1 = (from: number, to: number): string =>
    Array.from(bytes.subarray(from, to), (byte) => String.fromCharCode(byte)).join("");
  for (let at = SIGNATURE.length; at + HEAD <= bytes.length; ) {
    const length = view.getUint32(at);
    const end = at + HEAD + length;
    if (end + CHECKSUM > bytes.length) return undefined;
    if (latin1(at + 4, at + HEAD) === "tEXt" && length <= LONGEST_TEXT) {
      const text = latin1(at + HEAD, end);
      if (text.startsWith(`${keyword}\0`)) return text.slice(keyword.length + 1);
    }
    at = end + CHECKSUM;
  }
  return undefined;
}

/** A picture's settings for the form, and what they lack to draw it again. */
export interface PngSettings {
  readonly form: Partial<DrawForm>;
  readonly missing: readonly string[];
}

/** What the form has no fields for, by its name in a record's `extra`. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  controlImage: "its control picture",
  eta: "its eta",
  timesteps: "its timesteps",
  sigmas: "its sigmas",
  guidanceInterval: "its guidance interval",
  tgate: "its T-GATE",
};

/** The model that a record names: published folders by their name, checkpoints as `run/stage/step-00000012`. */
function modelRecordedAs(name: unknown, models: readonly DrawModel[]): DrawModel | undefined {
  const listed = models.find(({ id }) => id === name) ?? models.find(({ label }) => label === name);
  const [, run, stage, step] = /^(.+)\/([^/]+)\/step-(\d+)$/.exec(String(name)) ?? [];
  if (listed !== undefined || run === undefined) return listed;
  const isCheckpoint = (model: DrawModel): boolean =>
    model.stage === stage && model.step === Number(step) && model.label.startsWith(`${run} @`);
  return models.find(isCheckpoint) ?? models.find(({ id }) => id === run);
}

/**
 * How a picture of ours was drawn, for the form with these models; undefined if the PNG has no record. It replaces the whole form:
 * what the record lacks is the model's own. Without a model in the record there is none in the settings.
 */
export function pngSettings(
  bytes: Uint8Array,
  models: readonly DrawModel[],
): PngSettings | undefined {
  const text = pngText(bytes, KEYWORD);
  if (text === undefined) return undefined;
  let record: Fields;
  try {
    record = JSON.parse(text) as Fields;
  } catch {
    return undefined;
  }
  const { prompt, negativePrompt, steps, guidanceScale, seed, sampler, model: name } = record;
  if (typeof prompt !== "string") return undefined;
  const extra = isFields(record.extra) ? record.extra : {};
  const { model: _, ...empty } = EMPTY_FORM;
  const model = modelRecordedAs(name, models);
  const recorded = adaptersIn(record.adapters);
  const adapters = recorded.filter((adapter) => model?.adapters.includes(adapter.name));
  // A checkpoint's own adapter comes with it.
  const others = model !== undefined && model.run === null ? recorded : [];
  const { width, height } = sizeOf(bytes);
  return {
    form: {
      ...empty,
      ...(isText(name) && { model: model?.id ?? name }),
      prompt,
      negative: isText(negativePrompt) ? negativePrompt : "",
      count: 1,
      size: `${width}x${height}`,
      ...(isNumber(steps) && { steps }),
      ...(isNumber(guidanceScale) && { guidance: guidanceScale }),
      ...(isNumber(seed) && { seed, keepsSeed: true }),
      ...(isText(sampler) && { scheduler: sampler }),
      ...(isNumber(extra.strength) && { strength: extra.strength }),
      adapters,
    },
    missing: [
      ...(model === undefined ? ["its model"] : []),
      ...others.flatMap(({ name: one }) =>
        adapters.some((adapter) => adapter.name === one) ? [] : [`the adapter ${one}`],
      ),
      ...(isText(extra.from) ? [`the ${extra.from} that it was drawn from`] : []),
      ...(extra.cleanCaption === false ? ["its uncleaned prompt"] : []),
      ...Object.entries(UNSUPPORTED).flatMap(([key, what]) => (key in extra ? [what] : [])),
    ],
  };
}

type Fields = Readonly<Record<string, unknown>>;

const isNumber = (value: unknown): value is number => typeof value === "number";
const isText = (value: unknown): value is string => typeof value === "string";
const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null;

const adaptersIn = (value: unknown): AdapterChoice[] =>
  (Array.isArray(value) ? value : []).flatMap((one: unknown) =>
    isFields(one) && isText(one.name) && isNumber(one.scale)
      ? [{ name: one.name, scale: one.scale }]
      : [],
  );

/** The pixels of a PNG, from its first chunk. A record has the size before enlarging. */
function sizeOf(bytes: Uint8Array): { readonly width: number; readonly height: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = SIGNATURE.length + HEAD;
  return { width: view.getUint32(at), height: view.getUint32(at + 4) };
}
