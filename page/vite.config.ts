import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** The studio that `npx vite page` shows while the page is worked on. */
const STUDIO = "http://127.0.0.1:7470";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: "../dist/page",
    emptyOutDir: true,
    target: "es2022",
    // The server's Content-Security-Policy lets in neither data: fonts nor scripts of other places.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    host: "127.0.0.1",
    proxy: Object.fromEntries(["/api", "/v1", "/files"].map((path) => [path, { target: STUDIO }])),
  },
});
