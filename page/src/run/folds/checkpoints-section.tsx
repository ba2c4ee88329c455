import type { JSX } from "preact";
import type { CheckpointLine, RunDetails } from "../../../../src/studio/api-types.ts";
import { Fold } from "../../parts/fold.tsx";
import { session } from "../../session/session.ts";
import { bytesText, countText, manyText } from "../../words/numbers.ts";
import { momentText } from "../../words/times.ts";
import { PublishForm } from "./publish-form.tsx";

const checkpointQuery = (run: string, { stage, step }: CheckpointLine): URLSearchParams =>
  new URLSearchParams({ run, stage, step: String(step) });

/** Saved checkpoints, newest first; the best by held-out loss has a star. */
export function CheckpointsSection({ details }: { readonly details: RunDetails }): JSX.Element {
  const { checkpoints, id } = details;
  const drawing = new Set(
    details.all.filter(({ kind }) => kind === "text-to-image").map(({ stage }) => stage),
  );
  const bytes = checkpoints.reduce((sum, checkpoint) => sum + checkpoint.bytes, 0);
  return (
    <Fold
      title="Checkpoints"
      aside={`${manyText(checkpoints.length, "checkpoint")}, ${bytesText(bytes)}`}
    >
      {() => (
        <div class="stack">
          <div class="scroll-x">
            <table class="checkpoints numeric">
              <thead>
                <tr>
                  <th scope="col">Step</th>
                  <th scope="col">Stage</th>
                  <th scope="col">Saved</th>
                  <th scope="col">Size</th>
                  <td />
                </tr>
              </thead>
              <tbody>
                {[...checkpoints].reverse().map((checkpoint) => (
                  <tr key={`${checkpoint.stage} ${checkpoint.name}`}>
                    <td>
                      {countText(checkpoint.step)}{" "}
                      {checkpoint.isBest && <span class="chip good">★ best</span>}
                    </td>
                    <td>{checkpoint.stage}</td>
                    <td>{momentText(checkpoint.saved)}</td>
                    <td>{bytesText(checkpoint.bytes)}</td>
                    <td>
                      {session.value?.canDrawRuns === true && drawing.has(checkpoint.stage) && (
                        <a
                          href={`/draw?${checkpointQuery(id, checkpoint)}`}
                          aria-label={`Draw with step ${checkpoint.step}`}
                        >
                          Draw
                        </a>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {session.value?.canControl === true && checkpoints.length > 0 && (
            <PublishForm id={id} name={details.name} />
          )}
        </div>
      )}
    </Fold>
  );
}
