import type { JSX } from "preact";
import { Command } from "../../parts/command.tsx";

/** Shown if there is no model to draw with. */
export const NoModels = (): JSX.Element => (
  <div class="draw-form card stack">
    <h2>Nothing to draw with yet</h2>
    <p>Give the studio a model, or train one: a run's checkpoints show up here.</p>
    <Command text="npx pixart studio --model emoji-demo" />
    <Command text="npx pixart demo" />
  </div>
);
