import type { JSX } from "preact";
import { useTitle } from "./use-title.ts";

/** Shown for an unknown URL. */
export function NotFound(): JSX.Element {
  useTitle("Not here");
  return (
    <div class="empty">
      <h1>There is nothing at this address</h1>
      <p>
        <a href="/">All runs</a> are one click away.
      </p>
    </div>
  );
}
