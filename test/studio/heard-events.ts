import { setTimeout as sleep } from "node:timers/promises";
import { CONTROL_KEY, type TestStudio } from "../fixtures/studio-server.ts";

/** An event of the page's stream. */
export interface Heard {
  readonly name: string;
  readonly data: Record<string, unknown>;
}

/** Opens a stream that watches runs by their ids; gives what has been heard so far, and its end. */
export async function listen(
  studio: Pick<TestStudio, "server">,
  watched: string,
): Promise<{ readonly heard: Heard[]; readonly close: () => void }> {
  const abort = new AbortController();
  const { body } = await fetch(`${studio.server.url}/api/events?runs=${watched}`, {
    headers: { "api-key": CONTROL_KEY },
    signal: abort.signal,
  });
  const heard: Heard[] = [];
  const read = async (): Promise<void> => {
    let rest = "";
    for await (const piece of body ?? []) {
      const parts = (rest + Buffer.from(piece).toString()).split("\n\n");
      rest = parts.pop() ?? "";
      for (const part of parts) {
        const [, name, data] = /^event: (.+)\ndata: (.+)$/.exec(part) ?? [];
        if (name !== undefined && data !== undefined) heard.push({ name, data: JSON.parse(data) });
      }
    }
  };
  read().catch(() => {}); // aborted
  return { heard, close: () => abort.abort() };
}

/** Waits until something is so; throws after ten seconds. */
export async function until(isSo: () => boolean): Promise<void> {
  for (let waited = 0; !isSo(); waited += 20) {
    if (waited > 10_000) throw new Error("Expected it within 10 s");
    await sleep(20);
  }
}
