import type { JSX } from "preact";

/** Any JSON, as text that can be searched and copied. */
export const JsonText = ({ value }: { readonly value: unknown }): JSX.Element => (
  // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
  <pre class="log" tabIndex={0}>
    {JSON.stringify(value, null, 2)}
  </pre>
);
