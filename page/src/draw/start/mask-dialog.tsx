import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Dialog } from "../../parts/dialog.tsx";
import type { StartPicture } from "../form/form-store.ts";
import { addressOf } from "../pictures/history.ts";
import { maskOf, type Stroke, showStrokes } from "./mask-painting.ts";

interface MaskDialogProps {
  readonly start: StartPicture;
  readonly onDone: (mask: Blob | undefined) => void;
  readonly onClose: () => void;
}

/** Paints over what is to be drawn anew, by mouse, pen or finger. */
export function MaskDialog({ start, onDone, onClose }: MaskDialogProps): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const strokes = useSignal<readonly Stroke[]>([]);
  /** Of the picture's shorter side. */
  const brush = useSignal(0.12);
  const size = useSignal<readonly [width: number, height: number] | undefined>(undefined);
  useEffect(() => {
    if (canvas.current !== null) showStrokes(canvas.current, strokes.value);
  }, [strokes.value, size.value]);

  const placeOf = ({ clientX, clientY }: PointerEvent): readonly [number, number] => {
    const { current: element } = canvas;
    const box = element?.getBoundingClientRect();
    if (element === null || box === undefined) return [0, 0];
    const scale = element.width / box.width;
    return [(clientX - box.left) * scale, (clientY - box.top) * scale];
  };
  const begin = (event: PointerEvent): void => {
    const { value: pixels } = size;
    if (pixels === undefined) return;
    canvas.current?.setPointerCapture(event.pointerId);
    const width = Math.max(brush.value * Math.min(...pixels), 1);
    strokes.value = [...strokes.value, { width, points: [placeOf(event)] }];
  };
  const go = (event: PointerEvent): void => {
    const last = strokes.value.at(-1);
    if (last === undefined || !canvas.current?.hasPointerCapture(event.pointerId)) return;
    const longer = { ...last, points: [...last.points, placeOf(event)] };
    strokes.value = [...strokes.value.slice(0, -1), longer];
  };
  const [width = 0, height = 0] = size.value ?? [];

  return (
    <Dialog title="Paint over what is to be drawn anew" onClose={onClose}>
      <div class="stack">
        <div class="mask-place">
          <img
            src={addressOf(start.blob)}
            alt="What drawing begins from"
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
              Only what is painted
            </button>
          </span>
        </form>
      </div>
    </Dialog>
  );
}
