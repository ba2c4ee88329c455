import type { JSX } from "preact";

interface DifferencesProps {
  /** Names of the two sides. */
  readonly from: string;
  readonly to: string;
  readonly rows: readonly { readonly path: string; readonly from: unknown; readonly to: unknown }[];
}

/** Values that differ between two configs. */
export function Differences({ from, to, rows }: DifferencesProps): JSX.Element {
  return (
    <div class="scroll-x">
      <table class="differences">
        <thead>
          <tr>
            <th scope="col">Setting</th>
            <th scope="col">{from}</th>
            <th scope="col">{to}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.path}>
              <th scope="row">
                <code>{row.path}</code>
              </th>
              <td>{valueText(row.from)}</td>
              <td>
                <b>{valueText(row.to)}</b>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const valueText = (value: unknown): string =>
  value === undefined || value === null
    ? "–"
    : typeof value === "string"
      ? value
      : JSON.stringify(value);
