import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "./icon.tsx";

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  readonly class?: string;
}

/** A modal dialog. Escape and a click outside close it, and the focus returns to where it was. */
export function Dialog({ title, onClose, children, class: own = "" }: DialogProps): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    element.current?.showModal();
  }, []);
  const closeBeside = (event: MouseEvent): void => {
    if (event.target === element.current) element.current?.close();
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape, which dialogs support natively, is the key for it
    <dialog ref={element} class={own} aria-label={title} onClose={onClose} onClick={closeBeside}>
      <div class="dialog-head">
        <h2>{title}</h2>
        <button
          type="button"
          class="quiet icon-button"
          aria-label="Close"
          onClick={() => element.current?.close()}
        >
          <Icon name="close" />
        </button>
      </div>
      {children}
    </dialog>
  );
}
