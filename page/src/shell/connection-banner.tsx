import type { JSX } from "preact";
import { link, retryNow } from "../api/live.ts";

/** Shown while the server is unreachable. The page's content stays. */
export function ConnectionBanner(): JSX.Element {
  return (
    <div class="banner-place" role="status" aria-live="polite">
      {link.value === "lost" && (
        <div class="banner">
          <span>
            <strong>The server does not answer.</strong> You see what it last reported; a run in
            progress is not affected. Trying again…
          </span>
          <button type="button" onClick={retryNow}>
            Try now
          </button>
        </div>
      )}
    </div>
  );
}
