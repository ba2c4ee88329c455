import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Command } from "../parts/command.tsx";
import { sessionProblem, signIn } from "./session.ts";

/** Asks for a key: one that the terminal printed, or that the server was started with. */
export function KeyForm(): JSX.Element {
  const [key, setKey] = useState("");
  const submit = (event: Event): void => {
    event.preventDefault();
    void signIn(key.trim());
  };
  return (
    <main class="lone" id="main">
      <form class="card stack" onSubmit={submit}>
        <h1>Enter a key</h1>
        <p>
          <code>pixart studio</code> printed an address that ends in <code>#k=…</code>. Open that
          address, or paste what comes after <code>k=</code>. For <code>pixart serve</code>, enter
          one of the keys that it was started with.
        </p>
        <label class="field">
          <span>Key</span>
          <input
            type="password"
            autocomplete="current-password"
            required
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        {sessionProblem.value !== undefined && (
          <p class="problem" role="alert">
            {sessionProblem.value}
          </p>
        )}
        <button type="submit" class="main">
          Open the studio
        </button>
        <details>
          <summary>No terminal at hand?</summary>
          <p>If you run the studio, start it again, and it prints its address:</p>
          <Command text="npx pixart studio" />
        </details>
      </form>
    </main>
  );
}
