import { useEffect } from "preact/hooks";

/** Sets the tab's title. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · pixart`;
  }, [title]);
}
