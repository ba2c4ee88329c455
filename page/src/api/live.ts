import { effect, signal } from "@preact/signals";
import type { StreamEvents } from "../../../src/studio/api-types.ts";
import { backOff } from "./back-off.ts";
import { isLockedOut } from "./request.ts";

/**
 * `lost`: the stream broke and is tried again; what is shown stays. `resting`: the tab is hidden and holds none, since a browser opens six
 * connections to a server, of all tabs together.
 */
export type LinkState = "connecting" | "open" | "lost" | "resting";

type Name = keyof StreamEvents;
type Listener = (data: never) => void;

/** How the tab's one stream of events is. */
export const link = signal<LinkState>("connecting");
/** Grows whenever the stream came back: what was missed meanwhile must be asked for. */
export const returns = signal(0);
/** How long a tab is hidden before it rests: switching to and fro costs nothing. */
const REST_AFTER_MS = 15_000;

const listeners = new Map<Name, Set<Listener>>();
/** How many parts of the page watch each run. */
const watched = new Map<string, number>();
let source: EventSource | undefined;
/** The one that `source` takes the place of, kept until that is open, so that nothing is missed between. */
let replaced: EventSource | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let resting: ReturnType<typeof setTimeout> | undefined;
let failures = 0;
let isStarted = false;

/** Hears an event by its name, until the function given back is called. */
export function listen<N extends Name>(name: N, hear: (data: StreamEvents[N]) => void): () => void {
  const own = listeners.get(name) ?? new Set<Listener>();
  if (!listeners.has(name)) {
    listeners.set(name, own);
    if (source !== undefined) attach(source, name);
  }
  own.add(hear);
  return () => own.delete(hear);
}

/** Asks for the steps of a run, until the function given back is called. */
export function watchRun(id: string): () => void {
  watched.set(id, (watched.get(id) ?? 0) + 1);
  queueMicrotask(reopen);
  return () => {
    const left = (watched.get(id) ?? 1) - 1;
    if (left === 0) watched.delete(id);
    else watched.set(id, left);
    queueMicrotask(reopen);
  };
}

/** Opens the stream, once there is a session; keeps it open for as long as the tab lives. */
export function startLive(): void {
  if (isStarted) return;
  isStarted = true;
  if (isHidden()) link.value = "resting";
  else open();
  addEventListener("online", retryNow);
  document.addEventListener("visibilitychange", () => {
    clearTimeout(resting);
    if (isHidden()) resting = setTimeout(rest, REST_AFTER_MS);
    else if (link.peek() === "resting" || link.peek() === "lost") open();
  });
  effect(() => {
    if (isLockedOut.value) close();
  });
}

/** Tries at once, where the stream is lost. */
export function retryNow(): void {
  if (link.peek() === "lost") open();
}

const isHidden = (): boolean => document.visibilityState === "hidden";

function rest(): void {
  close();
  link.value = "resting";
}

function close(): void {
  clearTimeout(timer);
  source?.close();
  replaced?.close();
  source = undefined;
  replaced = undefined;
}

const address = (): string => {
  const ids = [...watched.keys()].sort().map(encodeURIComponent).join(",");
  return ids === "" ? "/api/events" : `/api/events?runs=${ids}`;
};

/** Where other runs are watched than the stream was opened for. */
function reopen(): void {
  if (isStarted && source !== undefined && !source.url.endsWith(address())) open();
}

function open(): void {
  clearTimeout(timer);
  replaced?.close();
  replaced = source;
  const opened = new EventSource(address());
  source = opened;
  for (const name of listeners.keys()) attach(opened, name);
  opened.onopen = () => {
    replaced?.close();
    replaced = undefined;
    failures = 0;
    if (link.peek() !== "connecting" && link.peek() !== "open") returns.value += 1;
    link.value = "open";
  };
  opened.onerror = () => {
    if (source !== opened) return;
    close();
    link.value = "lost";
    timer = setTimeout(open, backOff(failures));
    failures += 1;
  };
}

function attach(to: EventSource, name: Name): void {
  to.addEventListener(name, (event) => {
    const data = JSON.parse((event as MessageEvent<string>).data) as never;
    for (const hear of listeners.get(name) ?? []) hear(data);
  });
}
