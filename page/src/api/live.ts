import { effect, signal } from "@preact/signals";
import type { StreamEvents } from "../../../src/studio/api-types.ts";
import { backOff } from "./back-off.ts";
import { getJson, isLockedOut } from "./request.ts";

/**
 * `lost`: the stream broke and is retried; what is shown stays. `resting`: the tab is hidden and has no stream, because a browser
 * opens only six connections to a server, over all tabs.
 */
export type LinkState = "connecting" | "open" | "lost" | "resting";

type Name = keyof StreamEvents;
type Listener = (data: never) => void;

/** State of the tab's one event stream. */
export const link = signal<LinkState>("connecting");
/** Increases whenever the stream has reconnected: what was missed must be requested. */
export const returns = signal(0);
/** How long a tab is hidden before its stream is closed, so that brief switches cost nothing. */
const REST_AFTER_MS = 15_000;

const listeners = new Map<Name, Set<Listener>>();
/** Number of page parts that watch each run. */
const watched = new Map<string, number>();
let source: EventSource | undefined;
/** The stream that `source` replaces, kept until the new one is open, so that nothing is missed in between. */
let replaced: EventSource | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let resting: ReturnType<typeof setTimeout> | undefined;
let failures = 0;
let isStarted = false;

/** Listens for an event by its name, until the returned function is called. */
export function listen<N extends Name>(name: N, hear: (data: StreamEvents[N]) => void): () => void {
  const own = listeners.get(name) ?? new Set<Listener>();
  if (!listeners.has(name)) {
    listeners.set(name, own);
    if (source !== undefined) attach(source, name);
  }
  own.add(hear);
  return () => own.delete(hear);
}

/** Subscribes to the steps of a run, until the returned function is called. */
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

/** Opens the stream once there is a session, and keeps it open for the life of the tab. */
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

/** Retries at once if the stream is lost. */
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

/** Reopens the stream if other runs are watched than it was opened for. */
function reopen(): void {
  if (isStarted && source !== undefined && !source.url.endsWith(address())) open();
}

function open(): void {
  clearTimeout(timer);
  if (isLockedOut.peek()) return;
  replaced?.close();
  replaced = source;
  const opened = new EventSource(address());
  source = opened;
  for (const name of listeners.keys()) attach(opened, name);
  opened.onopen = () => {
    replaced?.close();
    replaced = undefined;
    failures = 0;
    const isBack = link.peek() !== "connecting" && link.peek() !== "open";
    link.value = "open";
    if (isBack) returns.value += 1;
  };
  opened.onerror = () => {
    if (source !== opened) return;
    close();
    link.value = "lost";
    timer = setTimeout(open, backOff(failures));
    failures += 1;
    // Whether the server refused the stream, as one with other keys does, only another request tells.
    void getJson("/session").catch(() => {});
  };
}

function attach(to: EventSource, name: Name): void {
  to.addEventListener(name, (event) => {
    const data = JSON.parse((event as MessageEvent<string>).data) as never;
    for (const hear of listeners.get(name) ?? []) hear(data);
  });
}
