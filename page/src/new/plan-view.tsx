import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { StartPlan } from "../../../src/studio/api-types.ts";
import { Command } from "../parts/command.tsx";
import { Icon } from "../parts/icon.tsx";
import { durationText } from "../words/durations.ts";
import { bytesText, countText } from "../words/numbers.ts";
import { beginRun, isAsking } from "./new-store.ts";

/** What the run will do and take, and the button that starts it. */
export function PlanView({ plan }: { readonly plan: StartPlan }): JSX.Element {
  const { route } = useLocation();
  const section = useRef<HTMLElement>(null);
  useEffect(() => section.current?.scrollIntoView({ block: "nearest" }), [plan]);
  const begin = async (): Promise<void> => {
    const id = await beginRun();
    if (id !== undefined) route(`/runs/${encodeURIComponent(id)}`);
  };
  const { lines, problems, warnings, memoryBytes, diskBytes, seconds, steps, command } = plan;
  return (
    <section ref={section} class="card stack" aria-labelledby="plan-title">
      <h2 id="plan-title">3. The plan</h2>
      <ul class="counts">
        <li>
          <b class="numeric">{countText(steps)}</b>
          <span>steps</span>
        </li>
        {seconds !== null && (
          <li>
            <b class="numeric">{durationText(seconds)}</b>
            <span>on this machine</span>
          </li>
        )}
        <li>
          <b class="numeric">{bytesText(memoryBytes)}</b>
          <span>of memory</span>
        </li>
        <li>
          <b class="numeric">{bytesText(diskBytes)}</b>
          <span>of disk</span>
        </li>
      </ul>
      <ul class="plain-lines">
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
      {[...problems, ...warnings].map((one) => (
        <p key={one} class="note">
          {one}
        </p>
      ))}
      <div class="row">
        <button
          type="button"
          class="main"
          disabled={problems.length > 0 || isAsking.value}
          onClick={() => void begin()}
        >
          <Icon name="play" />
          Start training
        </button>
        <span class="soft small-text">It continues if you close this page or the studio.</span>
      </div>
      <details>
        <summary>The same from a terminal</summary>
        <Command text={command} />
      </details>
    </section>
  );
}
