import cliProgress from "cli-progress";

/** A progress bar on stderr for pictures that are read one after the other; none if stderr is not a terminal. */
export class PictureProgress implements Disposable {
  readonly #bar: cliProgress.SingleBar | undefined;

  constructor(doing: string) {
    if (process.stderr.isTTY !== true) return;
    this.#bar = new cliProgress.SingleBar({
      format: `${doing} {bar} {value}/{total} pictures, {eta_formatted} left`,
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: true,
    });
  }

  /** Sets the number of pictures done. */
  update(done: number, total: number): void {
    if (this.#bar?.isActive === false) this.#bar.start(total, done);
    this.#bar?.update(done);
  }

  [Symbol.dispose](): void {
    this.#bar?.stop();
  }
}
