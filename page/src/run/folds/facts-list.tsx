import type { JSX } from "preact";
import type { RunFacts } from "../../../../src/studio/api-types.ts";

/** The machine, versions and command that a run was started with. */
export function FactsList({ facts }: { readonly facts: RunFacts }): JSX.Element {
  const versions = Object.entries(facts.versions).map(([name, version]) => `${name} ${version}`);
  return (
    <dl class="facts-list">
      <dt>Device</dt>
      <dd>
        {facts.device}, {facts.threads} threads, on {facts.host}
      </dd>
      <dt>Versions</dt>
      <dd>{versions.join(", ")}</dd>
      <dt>Command</dt>
      <dd>
        <code>{facts.argv.join(" ")}</code>
      </dd>
      <dt>Folder</dt>
      <dd>
        <code>{facts.cwd}</code>
      </dd>
    </dl>
  );
}
