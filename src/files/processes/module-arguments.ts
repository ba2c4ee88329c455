import { fileURLToPath } from "node:url";

/** What Node.js is given to run a module of this package: its compiled file alone, its source behind the loader that tests use. */
export const moduleArguments = (script: URL): string[] => [
  ...loaderOf(script),
  fileURLToPath(script),
];

/** Of a source; nothing for a compiled file. What this process may have been given by a test runner is not passed on. */
export const loaderOf = ({ pathname }: URL): string[] =>
  pathname.endsWith(".ts") ? ["--import", import.meta.resolve("tsx")] : [];
