import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { CopyButton } from "../../parts/copy-button.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { Segmented } from "../../parts/segmented.tsx";
import { session } from "../../session/session.ts";
import { codeSnippet, type Language } from "./code-snippets.ts";
import { form, startPicture } from "./form-store.ts";

const LANGUAGES: readonly (readonly [Language, string])[] = [
  ["curl", "curl"],
  ["TypeScript", "TypeScript"],
  ["Python", "Python"],
];

/** The form as code. */
export function CopyCode(): JSX.Element {
  const isOpen = useSignal(false);
  const language = useSignal<Language>("curl");
  const { value: start } = startPicture;
  const code = codeSnippet(language.value, form.value, {
    origin: location.origin,
    hasStart: start !== undefined,
    hasMask: start?.mask !== undefined,
    needsKey: session.value?.needsKey === true,
  });
  return (
    <>
      <button
        type="button"
        class="quiet small"
        onClick={() => {
          isOpen.value = true;
        }}
      >
        Copy as code
      </button>
      {isOpen.value && (
        <Dialog
          title="The same in code"
          onClose={() => {
            isOpen.value = false;
          }}
        >
          <div class="stack">
            <div class="row">
              <Segmented
                label="Language"
                options={LANGUAGES}
                value={language.value}
                onChange={(next) => {
                  language.value = next;
                }}
              />
              <span class="push">
                <CopyButton text={code} />
              </span>
            </div>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable elements must be reachable by keyboard */}
            <pre class="log" tabIndex={0}>
              {code}
            </pre>
            {session.value?.needsKey === true && (
              <p class="soft small-text">
                <code>PIXART_API_KEY</code> is the key that this server was started with or has
                printed.
              </p>
            )}
          </div>
        </Dialog>
      )}
    </>
  );
}
