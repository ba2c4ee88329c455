import type { JSX } from "preact";
import type { RunDetails } from "../../../../src/studio/api-types.ts";
import { CopyButton } from "../../parts/copy-button.tsx";
import { Differences } from "../../parts/differences.tsx";
import { Fold } from "../../parts/fold.tsx";
import { JsonText } from "../../parts/json-text.tsx";
import { manyText } from "../../words/numbers.ts";
import { FactsList } from "./facts-list.tsx";

/** The config as used, how it differs from the recipe's, and what it ran on. */
export function ConfigSection({ details }: { readonly details: RunDetails }): JSX.Element {
  const { config, differences, facts, plan } = details;
  const aside =
    differences.length === 0
      ? "same as the recipe"
      : `${manyText(differences.length, "difference")} from the recipe`;
  return (
    <Fold title="Config" aside={aside}>
      {() => (
        <div class="stack">
          {differences.length > 0 && <Differences from="Recipe" to="This run" rows={differences} />}
          {facts !== null && <FactsList facts={facts} />}
          {plan !== null && (
            <details>
              <summary>Plan, as printed before step 1</summary>
              <JsonText value={plan} />
            </details>
          )}
          <details>
            <summary>Full config</summary>
            <JsonText value={config} />
            <CopyButton text={JSON.stringify(config, null, 2)} />
          </details>
        </div>
      )}
    </Fold>
  );
}
