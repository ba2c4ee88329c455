import { fileURLToPath } from "node:url";

/** Node.js arguments that run a module of this package: its compiled file, or its source with the loader that tests use. */
export const moduleArguments = (script: URL): string[] => [
  ...loaderOf(script),
  fileURLToPath(script),
];

/** Loader arguments for a source; none for a compiled file. Arguments that a test runner gave this process are not passed on. */
export const loaderOf = ({ pathname }: URL): string[] =>
  pathname.endsWith(".ts") ? ["--import", import.meta.resolve("tsx")] : [];
