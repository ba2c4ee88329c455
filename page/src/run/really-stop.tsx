import type { JSX } from "preact";
import { Dialog } from "../parts/dialog.tsx";

/** Asks for confirmation before a long run is stopped by accident. */
export function ReallyStop({
  onStop,
  onClose,
}: {
  readonly onStop: () => void;
  readonly onClose: () => void;
}): JSX.Element {
  return (
    <Dialog title="Stop this run?" class="narrow" onClose={onClose}>
      <div class="stack">
        <p>It finishes its step, saves, and ends. It can be resumed from there at any time.</p>
        <form method="dialog" class="row">
          <button type="submit" class="main" onClick={onStop}>
            Stop after saving
          </button>
          <button type="submit">Let it run</button>
        </form>
      </div>
    </Dialog>
  );
}
