import type { World } from "../../distributed/index.ts";
import type { StageListener } from "./stage-listener.ts";

/** What is to be done at a step's end because somebody asked for it. */
export interface Asked {
  /** Save and stop. */
  readonly stop: boolean;
  readonly save: boolean;
  readonly sample: boolean;
}

/** What the listener of any of the processes is asked for: the same in all of them. */
export function askedOfAny(world: World, listener: StageListener): Asked {
  const { save = false, sample = false } = listener.asked?.() ?? {};
  const own = [listener.shouldStop(), save, sample].map(Number);
  const all = world.gather(own, own.length);
  const any = (i: number): boolean => all.some((each) => each[i] === 1);
  return { stop: any(0), save: any(1), sample: any(2) };
}
