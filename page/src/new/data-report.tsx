import type { JSX } from "preact";
import type { DataReport } from "../../../src/studio/api-types.ts";
import { countText, manyText } from "../words/numbers.ts";
import { DataPictures } from "./data-pictures.tsx";

/** What a folder contains, and which parts will not be used in training. */
export function DataReportView({ report }: { readonly report: DataReport }): JSX.Element {
  const { base, resolution, pictures, captioned, cut, totals, shapes, shown } = report;
  const { unreadable, tooSmall, doubles } = report;
  const most = Math.max(...shapes.map((shape) => shape.pictures), 1);
  const missing = pictures - captioned;
  return (
    <section class="card stack" aria-labelledby="report-title">
      <h2 id="report-title">What the folder contains</h2>
      <p class="soft small-text">
        For training from {base}
        {resolution > 0 && `, at ${countText(resolution)} px`}.
      </p>
      <ul class="counts">
        <Count value={pictures} text="pictures" />
        <Count value={missing} text="without a caption" isBad={missing > 0} />
        {cut !== null && <Count value={cut} text="captions too long" isBad={cut > 0} />}
        <Count value={totals.doubles} text="groups of duplicates" isBad={totals.doubles > 0} />
        <Count value={totals.tooSmall} text="too small" isBad={totals.tooSmall > 0} />
        <Count value={totals.unreadable} text="unreadable" isBad={totals.unreadable > 0} />
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
          <summary>{manyText(totals.unreadable, "file")} can't be read</summary>
          <ul class="plain-lines">
            {unreadable.map(({ name, reason }) => (
              <li key={name}>
                <code>{name}</code>: {reason}
              </li>
            ))}
          </ul>
          <More shown={unreadable.length} total={totals.unreadable} />
        </details>
      )}
      {doubles.length > 0 && (
        <details>
          <summary>Duplicates</summary>
          {doubles.map((group) => (
            <DataPictures key={group[0]?.name} pictures={group} />
          ))}
          <More shown={doubles.length} total={totals.doubles} />
        </details>
      )}
      {tooSmall.length > 0 && (
        <details>
          <summary>Too small: the model would learn the blur of enlarging</summary>
          <DataPictures pictures={tooSmall} />
          <More shown={tooSmall.length} total={totals.tooSmall} />
        </details>
      )}
      <details open>
        <summary>The first ones, with their captions</summary>
        <DataPictures pictures={shown} />
      </details>
    </section>
  );
}

/** Says how many are not listed. */
const More = ({
  shown,
  total,
}: {
  readonly shown: number;
  readonly total: number;
}): JSX.Element | null =>
  total > shown ? <p class="soft">And {countText(total - shown)} more.</p> : null;

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
