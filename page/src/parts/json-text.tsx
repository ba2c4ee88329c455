import type { JSX } from "preact";

/** Any JSON, as searchable and copyable text. */
export const JsonText = ({ value }: { readonly value: unknown }): JSX.Element => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable elements must be reachable by keyboard
  <pre class="log" tabIndex={0}>
    {JSON.stringify(value, null, 2)}
  </pre>
);
