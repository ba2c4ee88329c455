import { type Signal, signal } from "@preact/signals";
import type { DrawEvent } from "../../../../src/client/results.ts";
import type { DrawForm } from "../form/draw-form.ts";

/** Progress of a drawing. */
export interface DrawingState {
  /** Number of other pictures before it; undefined once it is being drawn. */
  readonly before: number | undefined;
  readonly step: number;
  readonly steps: number;
  /** URLs of the newest previews, by picture. */
  readonly previews: readonly (string | undefined)[];
  readonly problem: string | undefined;
}

/** Pictures that were requested together. */
export interface DrawingGroup {
  readonly id: string;
  readonly form: DrawForm;
  readonly modelLabel: string;
  /** Whether they start from a picture. */
  readonly isEdit: boolean;
  /** Expected number of steps, until the server reports it. */
  readonly steps: number;
}

/** Pictures being drawn. */
export interface Drawing extends DrawingGroup {
  readonly state: Signal<DrawingState>;
  readonly cancel: () => void;
}

/** A drawing without any progress yet. */
export const newDrawing = (group: DrawingGroup, cancel: () => void): Drawing => ({
  ...group,
  cancel,
  state: signal({
    before: 0,
    step: 0,
    steps: group.steps,
    previews: Array.from({ length: group.form.count }, () => undefined),
    problem: undefined,
  }),
});

/** Applies an event from the server. */
export function hear(
  { state }: Drawing,
  event: Exclude<DrawEvent, { readonly type: "completed" }>,
): void {
  const { value: now } = state;
  switch (event.type) {
    case "queued":
      state.value = { ...now, before: event.position };
      break;
    case "progress":
      state.value = { ...now, before: undefined, step: event.step, steps: event.total };
      break;
    case "preview": {
      const old = now.previews[event.picture];
      if (old !== undefined) URL.revokeObjectURL(old);
      const address = URL.createObjectURL(new Blob([event.bytes], { type: event.mediaType }));
      const previews = now.previews.with(event.picture, address);
      state.value = { ...now, before: undefined, previews };
    }
  }
}
