import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { LogPart, RunDetails } from "../../../../src/studio/api-types.ts";
import { getJson, messageOf } from "../../api/request.ts";
import { CopyButton } from "../../parts/copy-button.tsx";
import { Fold } from "../../parts/fold.tsx";
import { goesOn } from "../../runs/runs-store.ts";

const EVERY_MS = 3000;
const MOST_LINES = 2000;

/** The run's log. */
export const LogSection = ({ details }: { readonly details: RunDetails }): JSX.Element => (
  <Fold title="Log" aside="the run's output">
    {() => <Log id={details.id} isGoing={goesOn(details)} />}
  </Fold>
);

interface LogProps {
  readonly id: string;
  readonly isGoing: boolean;
}

function Log({ id, isGoing }: LogProps): JSX.Element {
  const lines = useSignal<readonly string[]>([]);
  const problem = useSignal<string | undefined>(undefined);
  const box = useRef<HTMLPreElement>(null);
  useEffect(() => {
    let next = 0;
    const ask = async (): Promise<void> => {
      try {
        const part = await getJson<LogPart>(`/runs/${encodeURIComponent(id)}/log?after=${next}`);
        const isAtEnd = next === 0 || isScrolledDown(box.current);
        next = part.next;
        problem.value = undefined;
        if (part.lines.length === 0) return;
        lines.value = [...lines.peek(), ...part.lines].slice(-MOST_LINES);
        if (isAtEnd)
          requestAnimationFrame(() => box.current?.scrollTo(0, box.current.scrollHeight));
      } catch (error) {
        problem.value = messageOf(error);
      }
    };
    void ask();
    if (!isGoing) return;
    const timer = setInterval(() => void ask(), EVERY_MS);
    return () => clearInterval(timer);
  }, [id, isGoing]);
  const text = lines.value.join("\n");
  return (
    <div class="stack">
      {problem.value !== undefined && <p class="soft">{problem.value}</p>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: scrollable elements must be reachable by keyboard */}
      <pre ref={box} class="log" tabIndex={0}>
        {text === "" ? "No output yet." : text}
      </pre>
      <span>
        <CopyButton text={text} label="Copy the log" />
      </span>
    </div>
  );
}

const isScrolledDown = (element: HTMLElement | null): boolean =>
  element === null || element.scrollTop + element.clientHeight >= element.scrollHeight - 24;
