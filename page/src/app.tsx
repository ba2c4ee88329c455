import type { JSX } from "preact";
import { LocationProvider, Route, Router } from "preact-iso";
import { isLockedOut } from "./api/request.ts";
import { RunPage } from "./run/run-page.tsx";
import { RunsPage } from "./runs/runs-page.tsx";
import { KeyForm } from "./session/key-form.tsx";
import { openSession, session, sessionProblem } from "./session/session.ts";
import { ConnectionBanner } from "./shell/connection-banner.tsx";
import { Header } from "./shell/header.tsx";
import { latePage } from "./shell/late-page.tsx";
import { NotFound } from "./shell/not-found.tsx";

const ComparePage = latePage(() => import("./compare/compare-page.tsx").then((m) => m.ComparePage));
const DrawPage = latePage(() => import("./draw/draw-page.tsx").then((m) => m.DrawPage));
const NewPage = latePage(() => import("./new/new-page.tsx").then((m) => m.NewPage));
const SystemPage = latePage(() => import("./system/system-page.tsx").then((m) => m.SystemPage));

/** The whole page. */
export function App(): JSX.Element {
  if (isLockedOut.value) return <KeyForm />;
  if (session.value === undefined) return <Opening />;
  return (
    <LocationProvider>
      <Header />
      <ConnectionBanner />
      <main class="page" id="main" tabIndex={-1}>
        <Router onRouteChange={() => scrollTo(0, 0)}>
          <Route path="/" component={RunsPage} />
          <Route path="/runs/:id" component={RunPage} />
          <Route path="/compare" component={ComparePage} />
          <Route path="/draw" component={DrawPage} />
          <Route path="/new" component={NewPage} />
          <Route path="/system" component={SystemPage} />
          <Route default component={NotFound} />
        </Router>
      </main>
    </LocationProvider>
  );
}

/** Shown until the server has said what this tab may do. */
function Opening(): JSX.Element {
  return (
    <main class="lone" id="main" aria-busy={sessionProblem.value === undefined}>
      {sessionProblem.value !== undefined && (
        <div class="card stack">
          <h1>No answer</h1>
          <p role="alert">{sessionProblem.value}</p>
          <button type="button" class="main" onClick={() => void openSession()}>
            Try again
          </button>
        </div>
      )}
    </main>
  );
}
