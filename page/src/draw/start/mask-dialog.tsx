import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Dialog } from "../../parts/dialog.tsx";
import type { StartPicture } from "../form/form-store.ts";
import { addressOf } from "../pictures/history.ts";
import { brushAfter } from "./keyboard-brush.ts";
import { maskOf, type Point, type Stroke, showBrush, showStrokes } from "./mask-painting.ts";

interface MaskDialogProps {
  readonly start: StartPicture;
  readonly onDone: (mask: Blob | undefined) => void;
  readonly onClose: () => void;
}

/** Paints over the area to redraw, by mouse, pen, finger or keys. */
export function MaskDialog({ start, onDone, onClose }: MaskDialogProps): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const strokes = useSignal<readonly Stroke[]>([]);
  /** Relative to the picture's shorter side. */
  const brush = useSignal(0.12);
  const size = useSignal<Point | undefined>(undefined);
  /** Position of the brush once keys have moved it. */
  const place = useSignal<Point | undefined>(undefined);
  const isDown = useSignal(false);
  const [width = 0, height = 0] = size.value ?? [];
  const brushWidth = Math.max(brush.value * Math.min(width, height), 1);
  useEffect(() => {
    if (canvas.current === null) return;
    showStrokes(canvas.current, strokes.value);
    if (place.value !== undefined) showBrush(canvas.current, place.value, brushWidth);
  }, [strokes.value, size.value, place.value, brushWidth]);

  const placeOf = ({ clientX, clientY }: PointerEvent): Point => {
    const { current: element } = canvas;
    const box = element?.getBoundingClientRect();
    if (element === null || box === undefined) return [0, 0];
    const scale = element.width / box.width;
    return [(clientX - box.left) * scale, (clientY - box.top) * scale];
  };
  const begin = (event: PointerEvent): void => {
    if (size.value === undefined) return;
    canvas.current?.setPointerCapture(event.pointerId);
    place.value = undefined;
    isDown.value = false;
    strokes.value = [...strokes.value, { width: brushWidth, points: [placeOf(event)] }];
  };
  const go = (event: PointerEvent): void => {
    const last = strokes.value.at(-1);
    if (last === undefined || !canvas.current?.hasPointerCapture(event.pointerId)) return;
    const longer = { ...last, points: [...last.points, placeOf(event)] };
    strokes.value = [...strokes.value.slice(0, -1), longer];
  };
  const press = (event: KeyboardEvent): void => {
    if (size.value === undefined) return;
    const before = {
      place: place.value ?? ([width / 2, height / 2] as const),
      isDown: isDown.value,
      strokes: strokes.value,
    };
    const after = brushAfter(event.key, before, brushWidth, size.value);
    if (after === undefined) return;
    event.preventDefault(); // otherwise the page would scroll
    place.value = after.place;
    isDown.value = after.isDown;
    strokes.value = after.strokes;
  };

  return (
    <Dialog title="Paint over the part to redraw" onClose={onClose}>
      <div class="stack">
        <div
          class="mask-place"
          role="application"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: keys paint in it
          tabIndex={0}
          aria-label="Arrow keys move the brush, the space bar lowers and lifts it"
          onKeyDown={press}
        >
          <img
            src={addressOf(start.blob)}
            alt="What drawing starts from"
            onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => {
              size.value = [naturalWidth, naturalHeight];
            }}
          />
          <canvas
            ref={canvas}
            width={width}
            height={height}
            onPointerDown={begin}
            onPointerMove={go}
          />
        </div>
        <form method="dialog" class="row">
          <label class="smoothing">
            <span>Brush</span>
            <input
              type="range"
              min="0.02"
              max="0.4"
              step="0.01"
              value={brush.value}
              onInput={(event) => {
                brush.value = event.currentTarget.valueAsNumber;
              }}
            />
          </label>
          <button
            type="button"
            class="small"
            disabled={strokes.value.length === 0}
            onClick={() => {
              strokes.value = strokes.value.slice(0, -1);
            }}
          >
            Undo
          </button>
          <span class="push">
            <button type="submit" onClick={() => onDone(undefined)}>
              The whole picture
            </button>
            <button
              type="submit"
              class="main"
              disabled={strokes.value.length === 0}
              onClick={() => void maskOf(width, height, strokes.value).then(onDone)}
            >
              Only the painted area
            </button>
          </span>
        </form>
      </div>
    </Dialog>
  );
}
