import type { JSX } from "preact";
import { chosenGroup, shownGroup } from "./drawings.ts";
import { addressOf, pictures } from "./history.ts";

/** Earlier pictures of this browser. A click shows those that were drawn together in large. */
export function HistoryStrip(): JSX.Element | null {
  const { value: all } = pictures;
  if (all.length === 0) return null;
  return (
    <section class="history" aria-label="Earlier pictures">
      <h2>Earlier</h2>
      <p class="soft small-text">stored only in this browser</p>
      <ul>
        {all.map((picture) => (
          <li key={picture.id}>
            <button
              type="button"
              class="picture"
              aria-current={picture.group === shownGroup.value}
              title={picture.form.prompt}
              onClick={() => {
                chosenGroup.value = picture.group;
                scrollTo({ top: 0, behavior: "smooth" });
              }}
            >
              <img src={addressOf(picture.blob)} alt={picture.form.prompt} loading="lazy" />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
