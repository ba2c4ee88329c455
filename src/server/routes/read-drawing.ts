import type { z } from "zod";
import type { DrawImages } from "../engine/engine-messages.ts";
import { ApiError, badValue } from "../http/api-error.ts";
import { type CheckedBody, checkBody } from "../http/check-body.ts";
import { formValues } from "../http/form-values.ts";
import { readForm, readJson } from "../http/read-body.ts";
import {
  bytesOfText,
  decodeMaskOf,
  decodePicture,
  sizeOfPicture,
} from "../pictures/source-pictures.ts";
import type { PlainRequest } from "../requests/draw-request.ts";
import { modelOf } from "../requests/model-of.ts";
import { readRequest } from "../requests/read-request.ts";
import { editRequest, generationRequest, type SharedFields } from "../requests/request-schemas.ts";
import type { ServerContext } from "../server-context.ts";

/** A validated request, and a function that decodes its pictures once it has a place in the queue. */
export interface Drawing {
  readonly request: PlainRequest;
  readonly decode: () => Promise<DrawImages>;
}

/** The parts of a server that requests are validated against. */
type Reading = Pick<ServerContext, "models" | "firstModel" | "loader" | "maxPixels" | "isLenient">;

/** Reads the body of POST /v1/images/generations. Throws an ApiError. */
export async function readGeneration(request: Request, server: Reading): Promise<Drawing> {
  const form = isForm(request) ? await readForm(request) : undefined;
  const { control_image: files = [], ...others } = form?.files ?? {};
  requireNoFile(others);
  const given = form ? formValues(generationRequest, form.fields) : await readJson(request);
  const checked = checkBody(generationRequest, given, server.isLenient);
  const { warnings } = checked;
  const body = await withModel(checked.body, server);
  const model = modelOf(body.model, server.models(), server.firstModel);
  const plain = plainRequest("image_generation", { body, warnings }, server);
  const { control_image: text } = body;
  const controls = [...files, ...(text == null ? [] : [bytesOfText(text, "control_image")])];
  const [bytes] = controls;
  if (bytes === undefined) return { request: plain, decode: async () => ({}) };
  if (controls.length > 1) throw badValue("at most one picture", "control_image", controls.length);
  if (!model.hasControlNet)
    throw new ApiError(
      400,
      "invalid_value",
      `Expected no control_image, since ${model.name} has no ControlNet, but received a picture`,
      { param: "control_image" },
    );
  await sizeOfPicture(bytes, "control_image");
  return {
    request: plain,
    decode: async () => ({
      controlImage: await decodePicture(bytes, "control_image", plain.settings),
    }),
  };
}

/** A mask keeps the rest as it is, so that everything it covers may be new. */
const strengthOf = (given: number | null | undefined, hasMask: boolean): number =>
  given ?? (hasMask ? 1 : 0.6);

/** Reads the body of POST /v1/images/edits, JSON or a form. Throws an ApiError. */
export async function readEdit(request: Request, server: Reading): Promise<Drawing> {
  const { fields, images, masks } = await editParts(request, server.isLenient);
  const { warnings } = fields;
  const body = await withModel(fields.body, server);
  const [bytes] = images;
  if (bytes === undefined || images.length !== 1)
    throw badValue("exactly one picture", "image", images.length === 0 ? undefined : images.length);
  if (masks.length > 1) throw badValue("at most one picture", "mask", masks.length);
  const ownSize = await sizeOfPicture(bytes, "image");
  const plain = plainRequest("image_edit", { body, warnings }, server, ownSize);
  const [mask] = masks;
  if (mask !== undefined) await sizeOfPicture(mask, "mask");
  return {
    request: plain,
    decode: async () => ({
      image: await decodePicture(bytes, "image", plain.settings),
      mask: mask && (await decodeMaskOf(mask, ownSize, plain.settings)),
      strength: strengthOf(body.strength, mask !== undefined),
    }),
  };
}

/** The same body with the model's name in the catalog, after loading it, if a catalog has it. */
async function withModel<T extends SharedFields>(body: T, { loader, models }: Reading): Promise<T> {
  const name = await loader?.prepare(body.model, models());
  return name === undefined ? body : { ...body, model: name };
}

interface EditParts {
  readonly fields: CheckedBody<z.output<typeof editRequest>>;
  readonly images: readonly Uint8Array[];
  readonly masks: readonly Uint8Array[];
}

async function editParts(request: Request, isLenient: boolean): Promise<EditParts> {
  const form = isForm(request) ? await readForm(request) : undefined;
  const { image: imageFiles = [], mask: maskFiles = [], ...others } = form?.files ?? {};
  requireNoFile(others);
  const given = form ? formValues(editRequest, form.fields) : await readJson(request);
  const fields = checkBody(editRequest, given, isLenient);
  const { image, images, mask } = fields.body;
  const sources = [image ?? [], images ?? []].flat();
  return {
    fields,
    images: [...imageFiles, ...sources.map((source) => bytesOfText(source, "image"))],
    masks: [...maskFiles, ...(mask == null ? [] : [bytesOfText(mask, "mask")])],
  };
}

/** Throws if files were sent under names that are no fields. */
function requireNoFile(others: object): void {
  const [other] = Object.keys(others);
  if (other !== undefined) throw badValue("no file", other, "a file");
}

function plainRequest(
  endpoint: PlainRequest["endpoint"],
  { body, warnings }: CheckedBody<SharedFields>,
  { models, firstModel, maxPixels }: Reading,
  ownSize?: PlainRequest["size"],
): PlainRequest {
  const model = modelOf(body.model, models(), firstModel);
  return readRequest(body, { endpoint, model, maxPixels, warnings, ownSize });
}

const isForm = (request: Request): boolean =>
  /^multipart\/form-data/i.test(request.headers.get("content-type") ?? "");
