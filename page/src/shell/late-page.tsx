import { signal, useSignalEffect } from "@preact/signals";
import type { ComponentType, JSX } from "preact";
import { link, returns } from "../api/live.ts";
import { Problem } from "../parts/problem.tsx";

/**
 * A page whose code is loaded when it is first opened. If that fails, everything is loaded again when the server is back or the
 * page is opened once more: browsers don't repeat a failed import, and after an upgrade the code has another name.
 */
export function latePage(load: () => Promise<ComponentType>): ComponentType {
  const page = signal<ComponentType | undefined>(undefined);
  const hasFailed = signal(false);
  const begin = async (): Promise<void> => {
    if (hasFailed.peek() && link.peek() === "open") location.reload();
    if (hasFailed.peek() || page.peek() !== undefined) return;
    try {
      page.value = await load();
    } catch {
      hasFailed.value = true;
    }
  };
  return function LatePage(): JSX.Element {
    useSignalEffect(() => {
      if (returns.value >= 0) void begin();
    });
    const { value: Page } = page;
    if (Page !== undefined) return <Page />;
    return (
      <div aria-busy={!hasFailed.value}>
        <Problem
          message={hasFailed.value ? "This page could not be loaded." : undefined}
          onRetry={() => location.reload()}
          retryText="Reload"
        />
      </div>
    );
  };
}
