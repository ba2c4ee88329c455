import type { JSX } from "preact";
import type { DataReport } from "../../../src/studio/api-types.ts";
import { countText, manyText } from "../words/numbers.ts";
import { DataPictures } from "./data-pictures.tsx";

/** What a folder contains, and which parts will not be used in training. */
export function DataReportView({ report }: { readonly report: DataReport }): JSX.Element {
  const { pictures, captioned, cut, unreadable, tooSmall, doubles, shapes, shown } = report;
  const most = Math.max(...shapes.map((shape) => shape.pictures), 1);
  const missing = pictures - captioned;
  return (
    <section class="card stack" aria-labelledby="report-title">
      <h2 id="report-title">What the folder contains</h2>
      <ul class="counts">
        <Count value={pictures} text="pictures" />
        <Count value={missing} text="without a caption" isBad={missing > 0} />
        <Count value={cut} text="captions too long" isBad={cut > 0} />
        <Count value={doubles.length} text="groups of duplicates" isBad={doubles.length > 0} />
        <Count value={tooSmall.length} text="too small" isBad={tooSmall.length > 0} />
        <Count value={unreadable.length} text="unreadable" isBad={unreadable.length > 0} />
      </ul>
      <div>
        <h3>Sizes</h3>
        <table class="bars numeric">
          <tbody>
            {shapes.map(({ width, height, pictures: count }) => (
              <tr key={`${width}x${height}`}>
                <th scope="row">
                  {width} × {height}
                </th>
                <td class="bar">
                  <meter min={0} max={most} value={count} aria-label={`${width} by ${height}`} />
                </td>
                <td>{countText(count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {unreadable.length > 0 && (
        <details>
          <summary>{manyText(unreadable.length, "file")} can't be read</summary>
          <ul class="plain-lines">
            {unreadable.map(({ name, reason }) => (
              <li key={name}>
                <code>{name}</code>: {reason}
              </li>
            ))}
          </ul>
        </details>
      )}
      {doubles.length > 0 && (
        <details>
          <summary>Duplicates</summary>
          {doubles.map((group) => (
            <DataPictures key={group[0]?.name} pictures={group} />
          ))}
        </details>
      )}
      {tooSmall.length > 0 && (
        <details>
          <summary>Too small: the model would learn the blur of enlarging</summary>
          <DataPictures pictures={tooSmall} />
        </details>
      )}
      <details open>
        <summary>The first ones, with their captions</summary>
        <DataPictures pictures={shown} />
      </details>
    </section>
  );
}

const Count = ({
  value,
  text,
  isBad = false,
}: {
  readonly value: number;
  readonly text: string;
  readonly isBad?: boolean;
}): JSX.Element => (
  <li class={isBad ? "bad" : ""}>
    <b class="numeric">{countText(value)}</b>
    <span>{text}</span>
  </li>
);
