import "./draw.css";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { useTitle } from "../shell/use-title.ts";
import { DrawFormPanel } from "./form/draw-form-panel.tsx";
import { keepAddress, openForm } from "./form/form-store.ts";
import { keepModels } from "./form/keep-models.ts";
import { ActiveDrawings } from "./pictures/active-drawings.tsx";
import { cancelNewest, drawForm, resumeDrawings } from "./pictures/drawings.ts";
import { loadHistory } from "./pictures/history.ts";
import { HistoryStrip } from "./pictures/history-strip.tsx";
import { ShownPictures } from "./pictures/shown-pictures.tsx";
import { DropPlace } from "./start/drop-place.tsx";

/** Ctrl+Enter draws; Escape cancels the latest drawing, unless an open dialog uses the key. */
function hearKeys(event: KeyboardEvent): void {
  if (document.querySelector("dialog[open]") !== null) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    void drawForm();
  }
  if (event.key === "Escape") cancelNewest();
}

/** The drawing page: type a prompt, see the picture appear, change a word. */
export function DrawPage(): JSX.Element {
  useTitle("Draw");
  useEffect(() => {
    const ends: (() => void)[] = [];
    let isGone = false;
    void loadHistory().then(resumeDrawings);
    void openForm().then(() => {
      if (!isGone) ends.push(keepAddress(), keepModels());
    });
    document.addEventListener("keydown", hearKeys);
    return () => {
      isGone = true;
      for (const end of ends) end();
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
