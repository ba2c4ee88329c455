import type { JSX } from "preact";
import type { RunDetails } from "../../../../src/studio/api-types.ts";
import { Fold } from "../../parts/fold.tsx";
import { durationText } from "../../words/durations.ts";
import { percentText } from "../../words/numbers.ts";

/** How the time was spent: a slow disk shows as data, frequent saving as saving. */
export function TimeSection({ details }: { readonly details: RunDetails }): JSX.Element | null {
  const { time } = details;
  const whole = time.reduce((sum, { seconds }) => sum + seconds, 0);
  if (whole === 0) return null;
  const ordered = [...time].sort((a, b) => b.seconds - a.seconds);
  return (
    <Fold title="Time" aside={`${durationText(whole)} in all`}>
      {() => (
        <table class="bars numeric">
          <tbody>
            {ordered.map(({ what, seconds }) => (
              <tr key={what}>
                <th scope="row">{what}</th>
                <td class="bar">
                  <meter min="0" max={whole} value={seconds} aria-label={what} />
                </td>
                <td>{durationText(seconds)}</td>
                <td>{percentText(seconds, whole)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Fold>
  );
}
