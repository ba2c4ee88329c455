import type { World } from "../../distributed/index.ts";
import type { StageListener } from "./stage-listener.ts";

/** Requests to handle at a step's end. */
export interface Asked {
  /** Save and stop. */
  readonly stop: boolean;
  readonly save: boolean;
  readonly sample: boolean;
}

/** Requests to the listeners of all processes, combined: the same in every process. */
export function askedOfAny(world: World, listener: StageListener): Asked {
  const { save = false, sample = false } = listener.asked?.() ?? {};
  const own = [listener.shouldStop(), save, sample].map(Number);
  const all = world.gather(own, own.length);
  const any = (i: number): boolean => all.some((each) => each[i] === 1);
  return { stop: any(0), save: any(1), sample: any(2) };
}
