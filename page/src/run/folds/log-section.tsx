import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { LogPart, RunDetails } from "../../../../src/studio/api-types.ts";
import { getJson, messageOf } from "../../api/request.ts";
import { CopyButton } from "../../parts/copy-button.tsx";
import { Fold } from "../../parts/fold.tsx";
import { goesOn } from "../../runs/runs-store.ts";
import { NO_LOG, withPart } from "./log-lines.ts";

const EVERY_MS = 3000;

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
  const log = useSignal(NO_LOG);
  const problem = useSignal<string | undefined>(undefined);
  const box = useRef<HTMLPreElement>(null);
  useEffect(() => {
    log.value = NO_LOG;
  }, [id]);
  useEffect(() => {
    let isAsking = false;
    let isOver = false;
    const ask = async (): Promise<void> => {
      if (isAsking) return;
      isAsking = true;
      try {
        const { next, source } = log.peek();
        const place = new URLSearchParams({ after: String(next), source });
        const part = await getJson<LogPart>(`/runs/${encodeURIComponent(id)}/log?${place}`);
        if (isOver) return;
        const isAtEnd = next === 0 || isScrolledDown(box.current);
        problem.value = undefined;
        log.value = withPart(log.peek(), part);
        if (isAtEnd)
          requestAnimationFrame(() => box.current?.scrollTo(0, box.current.scrollHeight));
      } catch (error) {
        if (!isOver) problem.value = messageOf(error);
      } finally {
        isAsking = false;
      }
    };
    void ask();
    const timer = isGoing ? setInterval(() => void ask(), EVERY_MS) : undefined;
    return () => {
      isOver = true;
      clearInterval(timer);
    };
  }, [id, isGoing]);
  const text = log.value.lines.join("\n");
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
