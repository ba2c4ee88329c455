import type { Transferable, Worker } from "node:worker_threads";
import { InternalError, WorkerEndedError } from "../errors/index.ts";

/** An unused thread ends after this time, and frees its memory. */
const IDLE_MS = 10_000;

interface Waiting<Answer> {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A worker thread that answers each message with one. It starts on demand, restarts if it has ended, and keeps the process alive
 * while it has something to do.
 */
export class JobThread<Job, Answer> {
  readonly #make: () => Worker;
  readonly #waiting: Waiting<Answer>[] = [];
  #worker: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(make: () => Worker) {
    this.#make = make;
  }

  /** Number of unanswered jobs. */
  get jobs(): number {
    return this.#waiting.length;
  }

  get isRunning(): boolean {
    return this.#worker !== undefined;
  }

  /** Jobs are done in order. Throws if the thread ends before it has answered, and for what can't be posted. */
  ask(job: Job, transfer: readonly Transferable[] = []): Promise<Answer> {
    this.#worker ??= this.#start();
    try {
      this.#worker.postMessage(job, transfer);
    } catch (error) {
      if (this.jobs === 0) this.#rest();
      return Promise.reject(error);
    }
    clearTimeout(this.#idle);
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  /** Ends the thread, whatever it is doing. Unanswered jobs fail with the error. */
  end(error: Error): void {
    clearTimeout(this.#idle);
    this.#worker?.removeAllListeners();
    this.#worker?.on("error", () => {}); // caused by ending it
    void this.#worker?.terminate();
    this.#worker = undefined;
    for (const each of this.#waiting.splice(0)) each.reject(error);
  }

  #start(): Worker {
    const worker = this.#make();
    worker.on("message", (answer: Answer) => {
      const first = this.#waiting.shift();
      if (this.jobs === 0) this.#rest();
      first?.resolve(answer);
    });
    worker.on("error", (error: Error) => this.end(error));
    worker.on("messageerror", (error) => this.end(error));
    worker.on("exit", (code) => {
      this.end(new WorkerEndedError(`a thread ended with code ${code} before it had answered`));
    });
    return worker;
  }

  #rest(): void {
    clearTimeout(this.#idle);
    this.#worker?.unref();
    this.#idle = setTimeout(() => this.end(new InternalError("idle")), IDLE_MS).unref();
  }
}
