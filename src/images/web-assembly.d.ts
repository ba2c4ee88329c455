// Of WebAssembly what is used here: its types come with those of browsers alone.

declare namespace WebAssembly {
  /** Compiled code; may be sent to worker threads. */
  class Module {
    constructor(bytes: Uint8Array);
  }
  /** Code with its memory. */
  class Instance {
    constructor(module: Module);
    readonly exports: Readonly<Record<string, unknown>>;
  }
}
