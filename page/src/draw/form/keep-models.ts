import { listen, returns } from "../../api/live.ts";
import { loadModels } from "./form-store.ts";

/** After several events, the list is requested once. */
const SETTLE_MS = 500;

/**
 * Requests the list of models again when the server has loaded one, when it is back, and when runs come and go or something is drawn,
 * which also tells more about a model; until the returned function is called.
 */
export function keepModels(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const askIn = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void loadModels(), ms);
  };
  const before = returns.peek();
  const ends = [
    ...(["models", "runs", "drawing"] as const).map((name) => listen(name, () => askIn(SETTLE_MS))),
    returns.subscribe((count) => {
      if (count > before) askIn(0);
    }),
  ];
  return () => {
    clearTimeout(timer);
    for (const end of ends) end();
  };
}
