import { signal } from "@preact/signals";
import { backOff } from "../../api/back-off.ts";
import { listen, returns } from "../../api/live.ts";
import { loadModels } from "./form-store.ts";

/** After several events, the list is requested once. */
const SETTLE_MS = 500;

/** Whether the server still loads models, of which the list then lacks some. */
export const areLoading = signal(false);

/**
 * Requests the list of models again while the server loads some, when it is back, and when runs come and go or something is drawn,
 * which also tells more about a model; until the returned function is called.
 */
export function keepModels(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let attempts = 0;
  let isOver = false;
  const askIn = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void ask(), ms);
  };
  const check = async (): Promise<void> => {
    const isLoading = !(await isReady());
    if (isOver) return;
    // Those that came last may not be in the list yet.
    if (isLoading || areLoading.peek()) askIn(backOff(attempts));
    attempts = isLoading ? attempts + 1 : 0;
    areLoading.value = isLoading;
  };
  const ask = async (): Promise<void> => {
    await loadModels();
    await check();
  };
  void check();
  const before = returns.peek();
  const ends = [
    listen("runs", () => askIn(SETTLE_MS)),
    listen("drawing", () => askIn(SETTLE_MS)),
    returns.subscribe((count) => {
      if (count > before) askIn(0);
    }),
  ];
  return () => {
    isOver = true;
    clearTimeout(timer);
    for (const end of ends) end();
  };
}

/** Whether the server has loaded the models that it serves; if it does not answer, another request finds out. */
const isReady = async (): Promise<boolean> =>
  (await fetch("/ready").catch(() => undefined))?.status !== 503;
