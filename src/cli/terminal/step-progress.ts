import cliProgress from "cli-progress";

/** A progress bar on stderr for pictures being drawn; none if stderr is not a terminal. */
export class StepProgress implements Disposable {
  readonly #bar: cliProgress.SingleBar | undefined;
  #finished = 0;

  constructor(pictures: number) {
    if (process.stderr.isTTY !== true) return;
    this.#bar = new cliProgress.SingleBar({
      format: "Drawing {bar} {value}/{total} pictures, {eta_formatted} left",
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: true,
      formatValue: (value, _, type) => (type === "value" ? value.toFixed(1) : String(value)),
    });
    this.#bar.start(pictures, 0);
  }

  /** Some pictures are partly drawn: `share` from 0 to 1. */
  step(pictures: number, share: number): void {
    this.#bar?.update(this.#finished + pictures * share);
  }

  /** Some pictures are finished. */
  done(pictures: number): void {
    this.#finished += pictures;
    this.#bar?.update(this.#finished);
  }

  [Symbol.dispose](): void {
    this.#bar?.stop();
  }
}
