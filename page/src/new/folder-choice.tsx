import type { JSX } from "preact";
import { Icon } from "../parts/icon.tsx";
import { ProgressBar } from "../parts/progress-bar.tsx";
import { countText, manyText } from "../words/numbers.ts";
import { above, check, checkFolder, goInto, goTo, isAsking, place, starts } from "./new-store.ts";

/** Browses the folders that may contain data. */
export function FolderChoice(): JSX.Element {
  const { value: here } = place;
  const { value: up } = above;
  const { value: state } = check;
  const isFolder = here?.path !== "";
  const roots = starts.value?.dataRoots ?? [];
  return (
    <section class="card stack" aria-labelledby="folder-title">
      <h2 id="folder-title">1. A folder of pictures</h2>
      {roots.length === 0 && starts.value !== undefined && (
        <p class="note">
          The studio has no folder for data. Start it with <code>--data-root FOLDER</code>.
        </p>
      )}
      {here !== undefined && (
        <>
          <p class="row">
            {up !== undefined && (
              <button type="button" class="small" onClick={() => void goTo(up)}>
                <Icon name="left" />
                Up
              </button>
            )}
            {isFolder ? (
              <>
                <code class="path">{here.path}</code>
                <span class="soft">{manyText(here.pictures, "picture")}</span>
              </>
            ) : (
              <span class="soft">The folders that this studio was given</span>
            )}
          </p>
          {here.folders.length > 0 && (
            <ul class="folders">
              {here.folders.map((folder) => (
                <li key={folder}>
                  <button type="button" onClick={() => void goInto(folder)}>
                    <Icon name="folder" />
                    {folder}
                  </button>
                </li>
              ))}
            </ul>
          )}
          {isFolder && (
            <div class="row">
              <button
                type="button"
                class="main"
                disabled={isAsking.value}
                onClick={() => void checkFolder()}
              >
                Check these pictures
              </button>
              {here.pictures === 0 && (
                <span class="soft">
                  This folder itself has no pictures; those in its folders, tables and archives
                  count too.
                </span>
              )}
            </div>
          )}
        </>
      )}
      {state?.state === "running" && (
        <div class="stack" role="status">
          <span class="soft numeric">
            Checking {countText(state.done)}
            {state.total !== null && ` of ${countText(state.total)}`}
          </span>
          <ProgressBar done={state.done} total={state.total} label="Pictures checked" />
        </div>
      )}
      {state?.state === "failed" && <p class="problem">{state.message}</p>}
    </section>
  );
}
