import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Icon } from "./icon.tsx";

const SHOWN_MS = 1600;

/** Copies a text, and confirms it. */
export function CopyButton({
  text,
  label = "Copy",
}: {
  readonly text: string;
  readonly label?: string;
}): JSX.Element {
  const [said, setSaid] = useState<string | undefined>(undefined);
  const copy = async (): Promise<void> => {
    setSaid(await copied(text));
    setTimeout(() => setSaid(undefined), SHOWN_MS);
  };
  return (
    <button type="button" class="quiet small" onClick={() => void copy()}>
      <Icon name={said === "Copied" ? "check" : "copy"} />
      <span aria-live="polite">{said ?? label}</span>
    </button>
  );
}

/** The clipboard is available on this machine and over https; elsewhere the text can be selected by hand. */
async function copied(text: string): Promise<string> {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    return "Select the text and copy it";
  }
}
