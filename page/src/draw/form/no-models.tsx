import type { JSX } from "preact";

/** Shown if there is no model to draw with. */
export const NoModels = (): JSX.Element => (
  <div class="draw-form card stack">
    <h2>No models yet</h2>
    <p>A run's checkpoints appear here.</p>
    <a class="button" href="/new">
      Train with your pictures
    </a>
  </div>
);
