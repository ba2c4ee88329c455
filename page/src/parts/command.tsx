import type { JSX } from "preact";
import { CopyButton } from "./copy-button.tsx";

/** A terminal command, ready to copy. */
export function Command({ text }: { readonly text: string }): JSX.Element {
  return (
    <div class="command">
      <code>{text}</code>
      <CopyButton text={text} />
    </div>
  );
}
