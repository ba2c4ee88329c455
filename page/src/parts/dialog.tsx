import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "./icon.tsx";

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  readonly class?: string;
}

/** A dialog above the page. Escape and a click beside it close it, and the focus goes back to where it was. */
export function Dialog({ title, onClose, children, class: own = "" }: DialogProps): JSX.Element {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    element.current?.showModal();
  }, []);
  const closeBeside = (event: MouseEvent): void => {
    if (event.target === element.current) element.current?.close();
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape, which a dialog has by itself, is the key for it
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
