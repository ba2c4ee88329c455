import type { EventTail } from "../../training/run-folder/event-tail.ts";
import type { SampleEvent } from "../../training/run-folder/events.ts";
import type { SampleSet } from "../api-types.ts";
import { pictureAddress, sheetAddress } from "./addresses.ts";

/** The sample sheets of a stage, oldest first, with their single pictures if the run kept them. */
export const sampleSets = (id: string, tail: EventTail, stage: string): SampleSet[] =>
  tail
    .eventsOf("sample")
    .filter((event) => event.stage === stage)
    .map((event) => ({
      stage,
      step: event.step,
      sheet: sheetAddress(id, event),
      pictures: (event.pictures ?? []).map(({ prompt, seed }, index) => ({
        url: pictureAddress(id, event, index),
        prompt: String(prompt),
        seed: seed ?? null,
      })),
    }));

/**
 * The file of a sample, relative to the run.
 * @param which `sheet`, or the number of one of its pictures
 */
export function sampleFile(
  tail: EventTail,
  { stage, step }: Pick<SampleEvent, "stage" | "step">,
  which: string,
): string | undefined {
  const event = tail.eventsOf("sample").find((each) => each.stage === stage && each.step === step);
  if (event === undefined || which === "sheet") return event?.file;
  return /^\d{1,4}$/.test(which) ? event.pictures?.[Number(which)]?.file : undefined;
}
