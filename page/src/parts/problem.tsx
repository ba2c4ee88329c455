import type { JSX } from "preact";

/** An error, in the server's words. */
export function Problem({
  message,
  onRetry,
}: {
  readonly message: string | undefined;
  readonly onRetry?: () => void;
}): JSX.Element | null {
  if (message === undefined) return null;
  return (
    <div class="problem" role="alert">
      <span>{message}</span>
      {onRetry !== undefined && (
        <button type="button" class="small" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}
