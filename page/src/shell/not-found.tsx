import type { JSX } from "preact";
import { useTitle } from "./use-title.ts";

/** An address that leads nowhere. */
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
