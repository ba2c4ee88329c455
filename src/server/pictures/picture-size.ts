import { nearestShape } from "../../images/resolution-table.ts";
import type { ModelFacts } from "../engine/engine-messages.ts";
import { badValue } from "../http/api-error.ts";

/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** "512x512" */
export const sizeText = ({ width, height }: Size): string => `${width}x${height}`;

/** Beyond this ratio a model without a table draws its longest shape and crops the middle. */
const LONGEST_SHAPE = 4;

/** The properties of a model that determine its sizes. */
type SizeFacts = Pick<ModelFacts, "nativeSide" | "multiple" | "trainedSizes">;

/**
 * The size to draw at before resizing to `asked` and cropping: the trained size of the nearest shape or, if a model only knows
 * one area, that area in the requested shape.
 */
export function drawnSize(asked: Size, { nativeSide, multiple, trainedSizes }: SizeFacts): Size {
  if (trainedSizes.length > 0) {
    const { width, height } = nearestShape(asked, trainedSizes);
    return { width, height };
  }
  const ratio = asked.height / asked.width;
  const shape = Math.sqrt(Math.min(Math.max(ratio, 1 / LONGEST_SHAPE), LONGEST_SHAPE));
  return {
    width: nearestMultiple(nativeSide / shape, multiple),
    height: nearestMultiple(nativeSide * shape, multiple),
  };
}

/** `asked` itself. Throws if the model can't draw it. */
export function exactSize(asked: Size, { multiple }: SizeFacts): Size {
  const fits = asked.width % multiple === 0 && asked.height % multiple === 0;
  if (fits) return asked;
  const nearest = {
    width: nearestMultiple(asked.width, multiple),
    height: nearestMultiple(asked.height, multiple),
  };
  throw badValue(
    `sides that are multiples of ${multiple} where resolution_binning is false, such as ${sizeText(nearest)},`,
    "size",
    sizeText(asked),
    "invalid_size",
  );
}

const nearestMultiple = (side: number, multiple: number): number =>
  Math.max(1, Math.round(side / multiple)) * multiple;
