import type { JSX } from "preact";
import { useLocation } from "preact-iso";
import { Icon, type IconName } from "../parts/icon.tsx";
import { runningRuns } from "../runs/runs-store.ts";
import { session } from "../session/session.ts";
import { type Theme, theme, turnTheme } from "./theme.ts";

interface Place {
  readonly path: string;
  readonly text: string;
  readonly icon: IconName;
  readonly isHere: (path: string) => boolean;
}

const PLACES: readonly Place[] = [
  {
    path: "/",
    text: "Runs",
    icon: "runs",
    isHere: (path) => path === "/" || path.startsWith("/runs") || path === "/compare",
  },
  { path: "/draw", text: "Draw", icon: "draw", isHere: (path) => path === "/draw" },
  { path: "/new", text: "Train", icon: "data", isHere: (path) => path === "/new" },
  { path: "/system", text: "System", icon: "system", isHere: (path) => path === "/system" },
];

const THEME_ICONS: Readonly<Record<Theme, IconName>> = {
  system: "device",
  light: "sun",
  dark: "moon",
};

/** Name, navigation, active runs, light or dark. On a phone the navigation is at the bottom, within reach of the thumb. */
export function Header(): JSX.Element {
  const { path } = useLocation();
  const running = runningRuns.value;
  return (
    <header class="header">
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <a class="brand" href="/" aria-label="pixart studio, runs">
        <img src="/icon.svg" alt="" width="24" height="24" />
        <span>pixart</span>
      </a>
      <nav class="places" aria-label="Main">
        {PLACES.map((place) => (
          <a
            key={place.path}
            href={place.path}
            aria-current={place.isHere(path) ? "page" : undefined}
          >
            <Icon name={place.icon} />
            <span>{place.text}</span>
          </a>
        ))}
      </nav>
      <span class="header-end">
        {session.value?.canControl === false && (
          <span
            class="chip"
            title={
              session.value.canDraw
                ? "This server shows runs read-only"
                : "This key cannot draw, or start or stop runs"
            }
          >
            read-only
          </span>
        )}
        {running.length > 0 && (
          <a class="running-link" href="/runs/latest">
            <span class="dot running" />
            {running.length} running
          </a>
        )}
        <button
          type="button"
          class="quiet icon-button"
          onClick={turnTheme}
          aria-label={`Theme: ${theme.value}. Change`}
          title={`Theme: ${theme.value}`}
        >
          <Icon name={THEME_ICONS[theme.value]} />
        </button>
      </span>
    </header>
  );
}
