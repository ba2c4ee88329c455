// Draws for examples/service.ts, which starts it as a process of its own and sends it orders.
import { PixArtAlphaPipeline } from "pixart";

export interface Order {
  readonly id: number;
  readonly prompt?: string; // without one the order of this id is cancelled
  readonly seed?: number | undefined;
}
export interface Answer {
  readonly id?: number; // none: the model is loaded
  readonly png?: Uint8Array;
  readonly error?: string;
}

const answer = (message: Answer): void => void process.send?.(message);
const cancels = new Map<number, AbortController>();
const pipe = await PixArtAlphaPipeline.fromPretrained(process.argv[2] ?? "emoji-demo");

async function draw(prompt: string, { id, seed }: Order, signal: AbortSignal): Promise<void> {
  try {
    const { images } = await pipe(prompt, { signal, ...(seed !== undefined && { seed }) });
    for (const image of images) answer({ id, png: await image.encodePng() });
  } catch (error) {
    answer({ id, error: error instanceof Error ? error.message : String(error) });
  } finally {
    cancels.delete(id);
  }
}

let last = Promise.resolve(); // one picture after the other
process.on("message", (order: Order) => {
  const { id, prompt } = order;
  if (prompt === undefined) return cancels.get(id)?.abort();
  const cancel = new AbortController();
  cancels.set(id, cancel);
  last = last.then(() => draw(prompt, order, cancel.signal));
});
process.on("disconnect", () => process.exit());
answer({});
