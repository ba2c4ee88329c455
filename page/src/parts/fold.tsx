import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";

interface FoldProps {
  readonly title: string;
  /** Next to the title, even while closed. */
  readonly aside?: ComponentChildren;
  /** Rendered when first opened, so that nothing is requested before. */
  readonly children: () => ComponentChildren;
  readonly isOpen?: boolean;
}

/** A section that is closed until opened. */
export function Fold({ title, aside, children, isOpen = false }: FoldProps): JSX.Element {
  const [wasOpened, setOpened] = useState(isOpen);
  return (
    <details
      class="fold card"
      open={isOpen}
      onToggle={(event) => event.currentTarget.open && setOpened(true)}
    >
      <summary>
        <h2>{title}</h2>
        <span class="soft small-text">{aside}</span>
      </summary>
      {wasOpened && <div class="fold-body">{children()}</div>}
    </details>
  );
}
