// The part of WebAssembly that is used here: its types only come with those of browsers.

declare namespace WebAssembly {
  /** Compiled code; may be posted to worker threads. */
  class Module {
    constructor(bytes: Uint8Array);
  }
  /** Code with its memory. */
  class Instance {
    constructor(module: Module);
    readonly exports: Readonly<Record<string, unknown>>;
  }
}
