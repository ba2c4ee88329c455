import "./system.css";
import { useSignal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { SystemState } from "../../../src/studio/api-types.ts";
import { listen } from "../api/live.ts";
import { getJson, messageOf } from "../api/request.ts";
import { CopyButton } from "../parts/copy-button.tsx";
import { Problem } from "../parts/problem.tsx";
import { useTitle } from "../shell/use-title.ts";
import { bytesText } from "../words/numbers.ts";
import { QueueList } from "./queue-list.tsx";

const EVERY_MS = 5000;

/** The machine, loaded models, and the queue. */
export function SystemPage(): JSX.Element {
  useTitle("System");
  const state = useSignal<SystemState | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  const load = async (): Promise<void> => {
    try {
      state.value = await getJson<SystemState>("/system");
      problem.value = undefined;
    } catch (error) {
      problem.value = messageOf(error);
    }
  };
  useEffect(() => {
    void load();
    const timer = setInterval(() => void load(), EVERY_MS);
    const stop = listen("drawing", () => void load());
    return () => {
      clearInterval(timer);
      stop();
    };
  }, []);
  const { value: system } = state;
  if (system === undefined) return <Problem message={problem.value} onRetry={() => void load()} />;
  const { memory, disk, models, doctor } = system;
  return (
    <>
      <div class="page-head">
        <h1>System</h1>
        <span class="soft">
          pixart {system.version}, Node.js {system.node}
        </span>
      </div>
      <Problem message={problem.value} />
      <div class="system">
        <Part title="Machine">
          <dl class="meters">
            <dt>{system.processor}</dt>
            <dd>{system.cores} cores</dd>
            <Meter name="Memory" free={memory.free} total={memory.total} />
            {disk.map(({ path, free, total }) => (
              <Meter key={path} name={path} free={free} total={total} />
            ))}
            <dt>This server</dt>
            <dd class="numeric">{bytesText(memory.server)} of memory</dd>
          </dl>
        </Part>
        <Part title="Models to draw with">
          {models.length === 0 && <p class="soft">None yet. A run's checkpoints appear here.</p>}
          <ul class="plain">
            {models.map(({ id, name, isLoaded, bytes }) => (
              <li key={id} class="row">
                <a href={`/draw?${new URLSearchParams({ model: id })}`}>{name}</a>
                <span class={`chip ${isLoaded ? "good" : ""}`}>
                  {isLoaded ? "loaded" : "loads on first use"}
                </span>
                {bytes !== null && <span class="push soft numeric">{bytesText(bytes)}</span>}
              </li>
            ))}
          </ul>
        </Part>
        <Part title="Queue">
          <QueueList queue={system.queue} otherJobs={system.otherJobs} onChange={load} />
        </Part>
        {doctor !== null && (
          <Part title="Report for an issue">
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable elements must be reachable by keyboard */}
            <pre class="log" tabIndex={0}>
              {doctor}
            </pre>
            <span>
              <CopyButton text={doctor} label="Copy the report" />
            </span>
          </Part>
        )}
      </div>
    </>
  );
}

const Part = ({
  title,
  children,
}: {
  readonly title: string;
  readonly children: ComponentChildren;
}): JSX.Element => (
  <section class="card stack">
    <h2>{title}</h2>
    {children}
  </section>
);

function Meter({
  name,
  free,
  total,
}: {
  readonly name: string;
  readonly free: number;
  readonly total: number;
}): JSX.Element {
  return (
    <>
      <dt>{name}</dt>
      <dd>
        <meter
          min={0}
          max={total}
          value={total - free}
          high={0.9 * total}
          aria-label={`${name}: used`}
        />
        <span class="numeric">
          {bytesText(free)} free of {bytesText(total)}
        </span>
      </dd>
    </>
  );
}
