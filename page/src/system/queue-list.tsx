import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import type { SystemState } from "../../../src/studio/api-types.ts";
import { cancelJob, messageOf } from "../api/request.ts";
import { Problem } from "../parts/problem.tsx";
import { ProgressBar } from "../parts/progress-bar.tsx";
import { session } from "../session/session.ts";

interface QueueListProps {
  readonly queue: SystemState["queue"];
  readonly otherJobs: SystemState["otherJobs"];
  readonly onChange: () => Promise<void>;
}

/** One's own current and waiting drawings, and the number of others'. */
export function QueueList({ queue, otherJobs, onChange }: QueueListProps): JSX.Element {
  const problem = useSignal<string | undefined>(undefined);
  if (queue.length + otherJobs === 0) return <p class="soft">The queue is empty.</p>;
  const cancel = async (id: string): Promise<void> => {
    try {
      await cancelJob(id);
      problem.value = undefined;
    } catch (error) {
      problem.value = messageOf(error);
    }
    await onChange();
  };
  return (
    <>
      <Problem message={problem.value} />
      <ul class="plain">
        {queue.map(({ id, prompt, state, step, steps }) => (
          <li key={id} class="queued">
            <span class="clipped">{prompt}</span>
            <span class="soft numeric small-text">
              {state === "running" ? `step ${step} of ${steps}` : state}
            </span>
            {session.value?.canDraw === true && (
              <button
                type="button"
                class="quiet small"
                aria-label={`Cancel ${prompt}`}
                onClick={() => void cancel(id)}
              >
                Cancel
              </button>
            )}
            <ProgressBar done={step} total={steps} label={`${prompt}: steps drawn`} />
          </li>
        ))}
      </ul>
      {otherJobs > 0 && <p class="soft">Other users' drawings in the queue: {otherJobs}</p>}
    </>
  );
}
