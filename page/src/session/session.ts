import { signal } from "@preact/signals";
import type { SessionState } from "../../../src/studio/api-types.ts";
import { startLive } from "../api/live.ts";
import { getJson, isLockedOut, messageOf, postJson } from "../api/request.ts";

/** What this tab may do; undefined until the server has said so. */
export const session = signal<SessionState | undefined>(undefined);
/** Why there is no session, where the server didn't answer or refused the key. */
export const sessionProblem = signal<string | undefined>(undefined);

/** The key that the terminal's address carries, which never reaches the server's log; it is taken out of the address bar. */
function takeKey(): string | undefined {
  const key = new URLSearchParams(location.hash.slice(1)).get("k") ?? undefined;
  if (key !== undefined) history.replaceState(null, "", location.pathname + location.search);
  return key;
}

/** Begins a session with the key in the address, or goes on with the cookie's. */
export async function openSession(): Promise<void> {
  const key = takeKey();
  if (key !== undefined) return signIn(key);
  try {
    session.value = await getJson<SessionState>("/session");
    sessionProblem.value = undefined;
    startLive();
  } catch (error) {
    sessionProblem.value = isLockedOut.peek() ? undefined : messageOf(error);
  }
}

/** Begins a session with a key. */
export async function signIn(key: string): Promise<void> {
  try {
    session.value = await postJson<SessionState>("/session", { key });
    sessionProblem.value = undefined;
    const wasLockedOut = isLockedOut.peek();
    isLockedOut.value = false;
    // All that was asked for without a session is asked for again.
    if (wasLockedOut) location.reload();
    else startLive();
  } catch (error) {
    isLockedOut.value = true;
    sessionProblem.value = messageOf(error);
  }
}
