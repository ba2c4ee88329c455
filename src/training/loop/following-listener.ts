import type { ResolvedStage } from "../../config/index.ts";
import { stageCheckpoints } from "../checkpoints/checkpoint-folder.ts";
import { newestStateIn, type RecorderOptions } from "./run-logger.ts";
import type { StageListener, StageState, StepReport } from "./stage-listener.ts";

/** Stage listener for a process that records nothing because the run's first process does. */
export class FollowingListener implements StageListener, Disposable {
  readonly #stage: ResolvedStage;
  readonly #options: Omit<RecorderOptions, "firstStep" | "mark" | "device">;

  constructor(
    stage: ResolvedStage,
    options: Omit<RecorderOptions, "firstStep" | "mark" | "device">,
  ) {
    this.#stage = stage;
    this.#options = options;
  }

  get signal(): AbortSignal {
    return this.#options.stop.signal;
  }

  shouldStop(): boolean {
    return this.#options.stop.requested !== undefined;
  }

  onStep({ step }: StepReport): void {
    this.#options.journal.place = { stage: this.#stage.name, step };
    this.#options.onStep?.(this.#options.journal.place);
  }

  onWarning(): void {}

  async onSample(): Promise<void> {}

  onValidation(): void {}

  async onCheckpoint(): Promise<void> {}

  newestState(): Promise<StageState> {
    const { checkpoints } = this.#options.journal.run;
    return newestStateIn(stageCheckpoints(checkpoints, this.#stage.name));
  }

  [Symbol.dispose](): void {}
}
