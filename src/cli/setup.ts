interface SetupScript {
  setUp(options?: { test?: boolean }): void;
}

/**
 * Fetches libtorch and builds the addon inside the installed package; in a checkout the npm packages and dist/ as well. Throws
 * one sentence with what is missing and the command that fixes it.
 */
export async function setup(): Promise<void> {
  // The same script that a checkout runs before it has any packages, so it is plain JavaScript.
  const script = new URL("../../scripts/setup.mjs", import.meta.url).href;
  const { setUp } = (await import(script)) as SetupScript;
  setUp();
}
