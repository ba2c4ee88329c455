import type { JSX } from "preact";

/** An error, in the server's words. */
export function Problem({
  message,
  onRetry,
  retryText = "Try again",
}: {
  readonly message: string | undefined;
  readonly onRetry?: () => void;
  readonly retryText?: string;
}): JSX.Element | null {
  if (message === undefined) return null;
  return (
    <div class="problem" role="alert">
      <span>{message}</span>
      {onRetry !== undefined && (
        <button type="button" class="small" onClick={onRetry}>
          {retryText}
        </button>
      )}
    </div>
  );
}
