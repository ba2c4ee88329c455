import { signal } from "@preact/signals";
import type { SessionState } from "../../../src/studio/api-types.ts";
import { startLive } from "../api/live.ts";
import { getJson, isLockedOut, messageOf, postJson } from "../api/request.ts";

/** What this tab may do; undefined until the server has answered. */
export const session = signal<SessionState | undefined>(undefined);
/** Why there is no session, if the server didn't answer or refused the key. */
export const sessionProblem = signal<string | undefined>(undefined);

/** The key in the URL from the terminal, which never reaches the server's log; it is removed from the address bar. */
function takeKey(): string | undefined {
  const key = new URLSearchParams(location.hash.slice(1)).get("k") ?? undefined;
  if (key !== undefined) history.replaceState(null, "", location.pathname + location.search);
  return key;
}

/** Signs in with the key in the URL. Returns whether it has one. */
async function signInByUrl(): Promise<boolean> {
  const key = takeKey();
  if (key !== undefined) await signIn(key);
  return key !== undefined;
}

/** Starts a session with the key in the URL, or continues the cookie's. */
export async function openSession(): Promise<void> {
  if (await signInByUrl()) return;
  try {
    session.value = await getJson<SessionState>("/session");
    sessionProblem.value = undefined;
    startLive();
  } catch (error) {
    sessionProblem.value = isLockedOut.peek() ? undefined : messageOf(error);
  }
}

/** Starts a session with a key. */
export async function signIn(key: string): Promise<void> {
  const isAnother = isLockedOut.peek() || session.peek() !== undefined;
  try {
    session.value = await postJson<SessionState>("/session", { key });
    sessionProblem.value = undefined;
    isLockedOut.value = false;
    // Everything that was requested without a session, or with another, is requested again.
    if (isAnother) location.reload();
    else startLive();
  } catch (error) {
    isLockedOut.value = true;
    sessionProblem.value = messageOf(error);
  }
}

/** Listens for printed addresses that are opened in this tab: only their hash may differ, so nothing is loaded. */
export function hearKeys(): void {
  addEventListener("hashchange", () => void signInByUrl());
}
