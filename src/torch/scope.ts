import { expectedType, InvalidStateError, InvalidTypeError } from "../errors/index.ts";
import { native, type ScopeHandle } from "./binding.ts";
import { Tensor } from "./tensor.ts";
import { handlesOf } from "./wrap.ts";

const names = new Map<string, number>();

/** The native number of a scope's name; each name is sent to the addon once. */
export function scopeName(name: string): number {
  let id = names.get(name);
  if (id === undefined) {
    id = native.scopeName(name);
    names.set(name, id);
  }
  return id;
}

function collect(value: unknown, into: Tensor[]): void {
  if (value instanceof Tensor) into.push(value);
  else if (Array.isArray(value)) for (const item of value) collect(item, into);
  else if (value instanceof Map) for (const item of value.values()) collect(item, into);
  else if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value)) {
    for (const item of Object.values(value)) collect(item, into);
  }
}

/** Leaves the innermost scope; `kept` moves to the one around it, or to the garbage collector if there is none. */
function leave(kept: readonly Tensor[]): void {
  const isUnowned = native.scopeEnd(handlesOf(kept));
  if (isUnowned) for (const tensor of kept) tensor.guard();
}

/**
 * Runs `body` and frees every tensor that it made, except those in its result (a tensor, or arrays, maps and plain objects of
 * tensors), which move to the enclosing scope. Synchronous only.
 */
export function runInScope<T>(name: number, body: () => T): T {
  native.scopeBegin(name);
  const kept: Tensor[] = [];
  try {
    const result = body();
    if (result instanceof Promise) {
      throw new InvalidTypeError(
        "A scope's body must be synchronous: its tensors are freed before a promise settles. Use `using scope = torch.scope()` and scope.run() around each synchronous part.",
      );
    }
    collect(result, kept);
    return result;
  } finally {
    leave(kept);
  }
}

const TIDY = scopeName("tidy");

/** {@link runInScope} under the name "tidy". */
export const tidy = <T>(body: () => T): T => runInScope(TIDY, body);

/**
 * A scope for async code: tensors made inside its `run()` calls live until the scope is disposed, across any number of awaits. It
 * is never ambient: tensors made outside `run()` do not belong to it.
 */
export class Scope implements Disposable {
  readonly #handle: ScopeHandle;
  readonly #name: number;
  #open = true;

  constructor(name: string) {
    this.#name = scopeName(name);
    this.#handle = native.heldScopeNew(this.#name);
  }

  /** Runs a synchronous part; the tensors it makes belong to this scope. */
  run<T>(body: () => T): T {
    if (!this.#open)
      throw new InvalidStateError("Expected an open scope but this one was disposed");
    native.scopeBegin(this.#name);
    try {
      const result = body();
      if (result instanceof Promise) {
        throw expectedType("a synchronous function", "scope.run()", "a promise");
      }
      return result;
    } finally {
      native.scopeEndInto(this.#handle);
    }
  }

  /** Frees all its tensors. */
  [Symbol.dispose](): void {
    this.#open = false;
    native.heldScopeFree(this.#handle);
  }
}

/** Opens a {@link Scope}: `using scope = torch.scope("denoise")`. */
export const scope = (name = "scope"): Scope => new Scope(name);

/** Removes a tensor from every scope: it lives until it is disposed or collected. Returns it. */
export function keep(tensor: Tensor): Tensor {
  native.keep(tensor.handle);
  tensor.guard();
  return tensor;
}

/** The engine's memory: live tensor handles, and the process's resident memory in bytes. */
export const memory = (): { tensors: number; rss: number } => ({
  tensors: native.liveTensors(),
  rss: process.memoryUsage.rss(),
});
