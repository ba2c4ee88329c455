import "./draw.css";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { useTitle } from "../shell/use-title.ts";
import { ActiveDrawings } from "./active-drawings.tsx";
import { DrawFormPanel } from "./draw-form-panel.tsx";
import { cancelNewest, drawForm } from "./drawings.ts";
import { DropPlace } from "./drop-place.tsx";
import { keepAddress, openForm } from "./form-store.ts";
import { loadHistory } from "./history.ts";
import { HistoryStrip } from "./history-strip.tsx";
import { ShownPictures } from "./shown-pictures.tsx";

/** Ctrl+Enter draws, Escape cancels what was begun last, unless a dialog is open, whose key it then is. */
function hearKeys(event: KeyboardEvent): void {
  if (document.querySelector("dialog[open]") !== null) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    void drawForm();
  }
  if (event.key === "Escape") cancelNewest();
}

/** Type, see it appear, change a word. */
export function DrawPage(): JSX.Element {
  useTitle("Draw");
  useEffect(() => {
    let stopKeeping = (): void => {};
    let isGone = false;
    void loadHistory();
    void openForm().then(() => {
      if (!isGone) stopKeeping = keepAddress();
    });
    document.addEventListener("keydown", hearKeys);
    return () => {
      isGone = true;
      stopKeeping();
      document.removeEventListener("keydown", hearKeys);
    };
  }, []);
  return (
    <DropPlace>
      <h1 class="unseen">Draw</h1>
      <div class="draw">
        <DrawFormPanel />
        <div class="draw-results">
          <ActiveDrawings />
          <ShownPictures />
          <HistoryStrip />
        </div>
      </div>
    </DropPlace>
  );
}
