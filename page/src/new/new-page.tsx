import "./new.css";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Problem } from "../parts/problem.tsx";
import { session } from "../session/session.ts";
import { useTitle } from "../shell/use-title.ts";
import { DataReportView } from "./data-report.tsx";
import { FolderChoice } from "./folder-choice.tsx";
import { GoalFields } from "./goal-fields.tsx";
import { check, openNew, plan, problem } from "./new-store.ts";
import { PlanView } from "./plan-view.tsx";

/** From a folder of pictures to a run: check the data, choose a goal, see what it takes, start. */
export function NewPage(): JSX.Element {
  useTitle("Train");
  useEffect(() => {
    void openNew();
  }, []);
  const report = check.value?.report ?? undefined;
  const { canDraw = false, canControl = false } = session.value ?? {};
  return (
    <div class="new">
      <div class="page-head">
        <h1>Train with your pictures</h1>
      </div>
      <p class="soft lead">
        See what a folder contains, say what you want from it, and see what that takes. Nothing
        starts until you say so.
      </p>
      <Problem message={problem.value} />
      {canControl ? (
        <FolderChoice />
      ) : canDraw ? (
        <p class="note">
          This server shows runs read-only. To check data or start runs, use{" "}
          <code>pixart studio</code> without <code>--read-only</code>.
        </p>
      ) : (
        <p class="note">
          This key is read-only. To check data or start runs, use a full-access key, such as the one
          in the address that <code>pixart studio</code> printed.
        </p>
      )}
      {report !== undefined && <DataReportView report={report} />}
      {report !== undefined && <GoalFields />}
      {plan.value !== undefined && <PlanView plan={plan.value} />}
    </div>
  );
}
