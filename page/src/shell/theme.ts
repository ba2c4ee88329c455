import { effect, signal } from "@preact/signals";

/** `system` follows the device. */
export type Theme = "system" | "light" | "dark";

const KEY = "pixart-theme";
const NEXT: Readonly<Record<Theme, Theme>> = { system: "dark", dark: "light", light: "system" };
const isTheme = (value: string | null): value is Theme => value !== null && value in NEXT;

const stored = localStorage.getItem(KEY);
const device = matchMedia("(prefers-color-scheme: dark)");

export const theme = signal<Theme>(isTheme(stored) ? stored : "system");
/** Increases whenever colours change, so that canvases are redrawn. */
export const paints = signal(0);

/** Switches to the next of system, dark, light. */
export function turnTheme(): void {
  theme.value = NEXT[theme.value];
}

effect(() => {
  const { value } = theme;
  localStorage.setItem(KEY, value);
  document.documentElement.dataset.theme = value;
  paints.value = paints.peek() + 1;
});
device.addEventListener("change", () => {
  paints.value += 1;
});
