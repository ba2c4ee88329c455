import type { JSX } from "preact";
import { useTitle } from "./use-title.ts";

/** Shown for an unknown URL. */
export function NotFound(): JSX.Element {
  useTitle("Not found");
  return (
    <div class="empty">
      <h1>Page not found</h1>
      <p>
        <a href="/">Back to the runs</a>
      </p>
    </div>
  );
}
