import type { JSX } from "preact";
import { Command } from "../parts/command.tsx";

/** Shown without any runs: what to do first. */
export function NoRuns({ roots }: { readonly roots: readonly string[] }): JSX.Element {
  return (
    <div class="empty">
      <h1>No runs yet</h1>
      <p>
        Runs appear here as soon as they start in{" "}
        {roots.map((root, index) => (
          <span key={root}>
            {index > 0 && ", "}
            <code>{root}</code>
          </span>
        ))}
        .
      </p>
      <p>
        <a class="button main" href="/new">
          Start with a folder of pictures
        </a>
      </p>
      <p>Or train a small model on emoji, in 15 to 25 minutes:</p>
      <Command text="npx pixart demo" />
    </div>
  );
}
