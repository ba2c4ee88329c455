import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { CheckState } from "../../../../src/studio/api-types.ts";
import { messageOf, postJson } from "../../api/request.ts";
import { watchJob } from "../../api/watch-job.ts";
import { Problem } from "../../parts/problem.tsx";
import { folderName } from "../../words/folder-name.ts";

/** Publishes the run's model as a folder that diffusers also reads, and shows its path. */
export function PublishForm({
  id,
  name: runName,
}: {
  readonly id: string;
  readonly name: string;
}): JSX.Element {
  const name = useSignal(folderName(runName, "model"));
  const state = useSignal<CheckState | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  const isHere = useSignal(true);
  useEffect(
    () => () => {
      isHere.value = false;
    },
    [],
  );
  const publish = async (): Promise<void> => {
    problem.value = undefined;
    try {
      const { job } = await postJson<{ job: string }>(`/runs/${encodeURIComponent(id)}/publish`, {
        name: name.value,
      });
      await watchJob(
        job,
        () => isHere.peek(),
        (told) => {
          state.value = told;
        },
      );
    } catch (error) {
      state.value = undefined; // the server no longer knows the job
      problem.value = messageOf(error);
    }
  };
  const { value: told } = state;
  return (
    <form
      class="stack publish"
      onSubmit={(event) => {
        event.preventDefault();
        void publish();
      }}
    >
      <div class="row">
        <label class="field">
          <span>Publish as</span>
          <input
            type="text"
            required
            value={name.value}
            onInput={(event) => {
              name.value = event.currentTarget.value;
            }}
          />
        </label>
        <button type="submit" disabled={told?.state === "running"}>
          Publish
        </button>
      </div>
      <div role="status">
        {told?.state === "running" && (
          <span class="soft">{told.message ?? "Writing, reading back and trying it…"}</span>
        )}
        {told?.state === "done" && (
          <span>
            Done: <code>{told.message}</code>
          </span>
        )}
      </div>
      <Problem
        message={told?.state === "failed" ? (told.message ?? "Publishing failed") : problem.value}
      />
    </form>
  );
}
