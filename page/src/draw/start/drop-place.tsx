import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";
import { dropNotice, models, setForm, startPicture } from "../form/form-store.ts";
import { pngSettings } from "./png-settings.ts";

/** A dropped picture of ours restores its settings; any other becomes the start picture. */
export async function takeFile(file: File): Promise<void> {
  if (!file.type.startsWith("image/")) {
    dropNotice.value = `${file.name} is not a picture.`;
    return;
  }
  const settings = pngSettings(new Uint8Array(await file.arrayBuffer()), models.peek() ?? []);
  if (settings === undefined) {
    startPicture.value = { blob: file, mask: undefined };
    dropNotice.value = `${file.name} is now the start picture.`;
    return;
  }
  const { form, missing } = settings;
  setForm(form);
  startPicture.value = undefined;
  const lacks = new Intl.ListFormat("en").format(missing);
  dropNotice.value = `The settings of ${file.name} are in the form${
    lacks === "" ? ": press Draw to draw it again." : `, without ${lacks}.`
  }`;
}

/** Accepts files that are dropped anywhere on the page, or pasted. */
export function DropPlace({ children }: { readonly children: ComponentChildren }): JSX.Element {
  useEffect(() => {
    const over = (event: DragEvent): void => event.preventDefault();
    const take = (transfer: DataTransfer | null, event: Event): void => {
      const [file] = transfer?.files ?? [];
      if (file === undefined) return;
      event.preventDefault();
      void takeFile(file);
    };
    const drop = (event: DragEvent): void => take(event.dataTransfer, event);
    const paste = (event: ClipboardEvent): void => take(event.clipboardData, event);
    document.addEventListener("dragover", over);
    document.addEventListener("drop", drop);
    document.addEventListener("paste", paste);
    return () => {
      document.removeEventListener("dragover", over);
      document.removeEventListener("drop", drop);
      document.removeEventListener("paste", paste);
    };
  }, []);
  return (
    <>
      <p class={dropNotice.value === undefined ? "unseen" : "drop-notice"} role="status">
        {dropNotice.value}
      </p>
      {children}
    </>
  );
}
