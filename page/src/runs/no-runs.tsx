import type { JSX } from "preact";
import { Command } from "../parts/command.tsx";

/** Shown without any runs: what to do first. */
export function NoRuns({ roots }: { readonly roots: readonly string[] }): JSX.Element {
  return (
    <div class="empty">
      <h1>No runs yet</h1>
      <p>
        Runs show up here by themselves, as soon as one is begun in{" "}
        {roots.map((root, index) => (
          <span key={root}>
            {index > 0 && ", "}
            <code>{root}</code>
          </span>
        ))}
        . The demo takes a few minutes on any machine:
      </p>
      <Command text="npx pixart demo" />
      <p>Or train from a recipe, or from a folder of your own pictures:</p>
      <Command text="npx pixart train emoji_full" />
      <p>
        <a class="button main" href="/new">
          Begin with a folder of pictures
        </a>
      </p>
    </div>
  );
}
