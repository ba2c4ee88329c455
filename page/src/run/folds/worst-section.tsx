import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { WorstPicture } from "../../../../src/studio/api-types.ts";
import { getJson, messageOf } from "../../api/request.ts";
import { Fold } from "../../parts/fold.tsx";
import { Problem } from "../../parts/problem.tsx";
import { deviationsText, lossText, manyText } from "../../words/numbers.ts";
import type { RunStore } from "../run-store.ts";

const COUNT = 24;

/** Pictures whose losses are furthest above the usual ones: among them broken ones and wrong captions. */
export const WorstSection = ({ store }: { readonly store: RunStore }): JSX.Element => (
  <Fold
    title="Worst pictures"
    aside="furthest above the usual loss first: look here for wrong captions"
  >
    {() => <WorstList store={store} />}
  </Fold>
);

interface Answer {
  readonly pictures: readonly WorstPicture[];
  readonly reason: string | null;
}

function WorstList({ store }: { readonly store: RunStore }): JSX.Element {
  const answer = useSignal<Answer | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  const id = store.details.value?.id ?? "";
  const stage = store.stage.value ?? "";
  useEffect(() => {
    const abort = new AbortController();
    const query = new URLSearchParams({ stage, count: String(COUNT) });
    answer.value = undefined;
    problem.value = undefined;
    getJson<Answer>(`/runs/${encodeURIComponent(id)}/worst?${query}`, abort.signal).then(
      (told) => {
        answer.value = told;
      },
      (error: unknown) => {
        if (!abort.signal.aborted) problem.value = messageOf(error);
      },
    );
    return () => abort.abort();
  }, [id, stage]);
  const { value: told } = answer;
  if (problem.value !== undefined) return <Problem message={problem.value} />;
  if (told === undefined) return <p class="soft">Loading…</p>;
  return (
    <div class="stack">
      {told.reason !== null && <p class="note">{told.reason}</p>}
      {told.pictures.length === 0 && <p class="soft">No losses per picture yet.</p>}
      <ul class="worst">
        {told.pictures.map(({ name, caption, loss, score, seen, url }) => (
          <li key={name}>
            <span class="thumb">
              {url !== null && <img src={`${url}?w=256`} alt="" loading="lazy" />}
            </span>
            <div>
              <p class="small-text">{caption}</p>
              <p class="soft small-text numeric">
                <b>{lossText(loss)}</b>, {deviationsText(score)} · seen {manyText(seen, "time")}
              </p>
              <p class="soft small-text clipped">{name}</p>
            </div>
          </li>
        ))}
      </ul>
    </div>
  );
}
