import cliProgress from "cli-progress";

/** A bar on stderr for pictures that are drawn; nothing where that is no terminal. */
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

  /** Some pictures are a share, 0 to 1, of the way. */
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
