import { basename } from "node:path";
import { shippedModel, shippedPipelines } from "../../hub/index.ts";
import type { ModelFacts, NamedPlace } from "../../server/engine/engine-messages.ts";
import type { ModelCatalog } from "../../server/engine/model-catalog.ts";
import { keptCheckpoints } from "../../training/run-folder/run-checkpoints.ts";
import type { DrawModel, RunLine } from "../api-types.ts";
import type { LiveRun } from "../runs/live-run.ts";
import type { Runs } from "../runs/runs.ts";
import { sideOf } from "../start/bases.ts";

/** A model available for drawing, and its location. */
interface OfferedModel extends NamedPlace {
  readonly label: string;
  readonly run: string | null;
  readonly stage: string | null;
  readonly step: number | null;
  readonly resolution: number | null;
}

/** The models included in the package, and the checkpoints of text-to-image runs. */
export class DrawModels implements ModelCatalog {
  readonly #runs: Runs;

  constructor(runs: Runs) {
    this.#runs = runs;
  }

  async names(): Promise<readonly string[]> {
    return (await this.#offered()).map(({ name }) => name);
  }

  /**
   * A run's name stands for its newest checkpoint; no name for the newest checkpoint of all runs, or an included model. Reads no
   * more runs than it must, since every drawing request asks.
   */
  async find(name: string | undefined): Promise<NamedPlace | undefined> {
    if (name === undefined) return (await this.#newest(() => true)) ?? shippedOnes()[0];
    const isMeant = (model: OfferedModel): boolean => model.name === name;
    return (
      (await this.#ofRun(runIn(name))).find(isMeant) ??
      shippedOnes().find(isMeant) ??
      this.#newest((run) => run.name === name)
    );
  }

  /** All models, as shown on the page. */
  async list(known: ReadonlyMap<string, ModelFacts>): Promise<DrawModel[]> {
    return (await this.#offered()).map(({ name, place: _, ...shown }) => ({
      id: name,
      ...shown,
      isLoading: false,
      ...drawnAs(known.get(name)),
    }));
  }

  async #offered(): Promise<OfferedModel[]> {
    const ofRuns: OfferedModel[] = [];
    for (const { id } of await this.#runs.lines()) ofRuns.push(...(await this.#ofRun(id)));
    return [...ofRuns, ...shippedOnes()];
  }

  /** The newest checkpoint of the first matching run that has one. */
  async #newest(isMeant: (run: RunLine) => boolean): Promise<OfferedModel | undefined> {
    for (const run of (await this.#runs.lines()).filter(isMeant)) {
      const [newest] = await this.#ofRun(run.id);
      if (newest !== undefined) return newest;
    }
    return undefined;
  }

  /** The checkpoints of a run, the newest first; none if it can't be read or is gone. */
  async #ofRun(id: string | undefined): Promise<OfferedModel[]> {
    const run = this.#runs.all.find(({ place }) => place.id === id);
    if (run === undefined) return [];
    const { state } = await this.#runs.line(run);
    return state === "unreadable" ? [] : checkpointsOf(run).catch(() => []);
  }
}

const shippedOnes = (): OfferedModel[] =>
  shippedPipelines().map((name) => ({
    name,
    place: shippedModel(name) ?? name,
    label: name,
    run: null,
    stage: null,
    step: null,
    resolution: sideOf(shippedModel(name) ?? ""),
  }));

/** The id of the run in a model's name. */
const runIn = (name: string): string | undefined => name.split("/")[0];

async function checkpointsOf(run: LiveRun): Promise<OfferedModel[]> {
  const { id, name, path } = run.place;
  const { config } = run;
  const stages = config.stages.filter(({ kind }) => kind === "text-to-image");
  const kept = await keptCheckpoints(path, { stages });
  return kept.reverse().map(({ stage, step, mark, path: place, isBest }) => ({
    // A loaded model is known by its name, so another run in the same folder must have other names.
    name: `${id}/${stage}/${step}-${mark}`,
    place,
    label: `${name} ${stages.length > 1 ? `${stage} ` : ""}@${step.toLocaleString("en-US")}${isBest ? " ★" : ""}`,
    run: id,
    stage,
    step,
    resolution: stages.find((each) => each.name === stage)?.resolution ?? null,
  }));
}

/** Facts known about a model once it has been loaded. */
const drawnAs = (
  facts: ModelFacts | undefined,
): Pick<DrawModel, "steps" | "guidanceScale" | "schedulers" | "adapters"> => ({
  steps: facts?.defaults.numInferenceSteps ?? null,
  guidanceScale: facts?.defaults.guidanceScale ?? null,
  schedulers: facts?.samplers ?? [],
  adapters: facts?.adapters ?? [],
});

/** A served model, as shown on the page; without facts, one that is still being loaded. */
export const servedModel = (name: string, facts: ModelFacts | undefined): DrawModel => ({
  id: name,
  label: basename(name),
  run: null,
  stage: null,
  step: null,
  resolution: facts?.nativeSide ?? null,
  isLoading: facts === undefined,
  ...drawnAs(facts),
});
