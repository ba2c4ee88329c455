import type { JSX } from "preact";
import type { DataPicture } from "../../../src/studio/api-types.ts";

/** Pictures with their captions; lost parts of a caption are struck through. */
export function DataPictures({
  pictures,
}: {
  readonly pictures: readonly DataPicture[];
}): JSX.Element {
  return (
    <ul class="data-pictures">
      {pictures.map(({ name, url, width, height, caption, cut }) => (
        <li key={name}>
          <span class="framed data-picture">
            <img src={`${url}?w=256`} alt={caption} loading="lazy" />
          </span>
          <p class="small-text">
            {cut === null ? caption : caption.replace(cut, "")}
            {cut !== null && (
              <>
                {" "}
                <s>{cut}</s>
              </>
            )}
            {caption === "" && <em class="soft">no caption</em>}
          </p>
          <p class="soft small-text clipped" title={name}>
            {name} · {width} × {height}
          </p>
        </li>
      ))}
    </ul>
  );
}
