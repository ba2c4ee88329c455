import type {
  CheckpointLine,
  RunDetails,
  RunLine,
  RunState,
  SampleSet,
  StageState,
  WorstPicture,
} from "../../src/studio/api-types.ts";
import { SUBJECTS } from "./mock-pictures.ts";

const MINUTE = 60_000;
const ago = (minutes: number): string => new Date(Date.now() - minutes * MINUTE).toISOString();
const SAMPLE_EVERY = 200;

/** How far the run that goes on is when the server begins. */
export const LIVE_ID = "r1";
export const LIVE_FROM = 1240;

const stage = (name: string, step: number, steps: number, heldout: number): StageState => ({
  stage: name,
  kind: name === "pretraining" ? "class-conditional" : "text-to-image",
  step,
  steps,
  heldout: { step, loss: heldout },
  lowestHeldout: { step: Math.max(step - 40, 0), loss: heldout - 0.0011 },
  loss: heldout - 0.008,
  imagesPerSecond: 84,
  rollbacks: 0,
});

const line = (id: string, name: string, state: RunState, more: Partial<RunLine>): RunLine => ({
  id,
  name,
  state,
  message: null,
  begun: ago(90),
  ended: null,
  stage: null,
  stages: 1,
  activity: null,
  secondsLeft: null,
  sheet: null,
  ...more,
});

/** The list: every state is in it. */
export const mockRuns = (liveStep: number): RunLine[] => [
  line(LIVE_ID, "emoji_full", "running", {
    stage: stage("alignment", liveStep, 3000, 0.2132),
    stages: 3,
    secondsLeft: 18 * 60,
    sheet: "/api/thumb/sheet-8",
    begun: ago(47),
  }),
  line("r2", "watercolours-of-grandfather", "running", {
    activity: { what: "encoding captions", done: 1120, total: 6000, since: ago(1) },
    begun: ago(2),
  }),
  line("r3", "museum-xl", "elsewhere", {
    message: "process 4711 on gpu-box-2",
    stage: stage("finetune", 8200, 20_000, 0.1442),
    secondsLeft: 7 * 3600,
    sheet: "/api/thumb/sheet-9",
    begun: ago(600),
  }),
  line("r4", "demo", "finished", {
    stage: stage("demo", 600, 600, 0.2417),
    begun: ago(1500),
    ended: ago(1480),
    sheet: "/api/thumb/sheet-6",
  }),
  line("r5", "fox-lora", "interrupted", {
    message: "Its process ended without saying why",
    stage: stage("finetune", 843, 2000, 0.1881),
    begun: ago(2900),
    sheet: "/api/thumb/sheet-5",
  }),
  line("r6", "sigma-trial", "failed", {
    message: "linear(…): the loss was not finite for 3 steps",
    stage: stage("pretraining", 120, 5000, 0.61),
    begun: ago(4400),
    ended: ago(4390),
    sheet: "/api/thumb/sheet-1",
  }),
];

const checkpoint = (step: number): CheckpointLine => ({
  stage: "alignment",
  step,
  name: `step-${step}`,
  bytes: 138_000_000,
  saved: ago((LIVE_FROM - step) / 60 + 2),
  isBest: step === 1200,
});

/** The one that the stage of captions begins with. */
const PRETRAINED: CheckpointLine = {
  ...checkpoint(2000),
  stage: "pretraining",
  saved: ago(LIVE_FROM / 60 + 3),
};

const VERDICTS: Readonly<Record<string, string>> = {
  [LIVE_ID]:
    "Learning: held-out loss fell 3 % in the last 600 steps, and the best checkpoint is the newest.",
  r2: "No steps yet.",
  r5: "Learning: held-out loss fell 5 % in the last 400 steps; the newest is the best.",
};

/** All of one run. */
/** A run that was started and has no folder yet. */
export const mockStarted = (run: RunLine): RunDetails => ({
  ...run,
  ...{ stage: null, activity: { what: "starting", done: null, total: null, since: ago(0) } },
  ...{ all: [], checkpoints: [], marks: [], differences: [], time: [] },
  ...{ config: null, plan: null, facts: null, resumeCommand: null, canControl: false },
  verdict: "It is about to start.",
});

export function mockDetails(run: RunLine): RunDetails {
  const isBegun = run.stage !== null;
  const stages = ["pretraining", "alignment", "refinement"].slice(0, run.stages);
  return {
    ...run,
    all: !isBegun
      ? []
      : stages.map((name) =>
          name === run.stage?.stage || run.stages === 1
            ? (run.stage as StageState)
            : stage(name, name === "pretraining" ? 2000 : 0, 2000, 0.3),
        ),
    verdict: VERDICTS[run.id] ?? "Done: held-out loss was lowest at the end.",
    checkpoints: isBegun ? [PRETRAINED, ...[400, 800, 1000, 1200].map(checkpoint)] : [],
    marks: isBegun
      ? [
          {
            kind: "resume",
            stage: "alignment",
            step: 400,
            time: ago(30),
            text: "Resumed after step 400",
          },
          {
            kind: "warning",
            stage: "alignment",
            step: 674,
            time: ago(20),
            text: "12 captions are cut at 120 tokens",
          },
          {
            kind: "best",
            stage: "alignment",
            step: 1200,
            time: ago(2),
            text: "lowest held-out loss, 0.2121",
          },
        ]
      : [],
    config: { model: { family: "small", depth: 12, width: 384 }, optimizer: { lr: 2e-4 }, seed: 7 },
    differences: isBegun ? [{ path: "optimizer.lr", from: 1e-4, to: 2e-4 }] : [],
    plan: isBegun ? { steps: 3000, memoryBytes: 2_100_000_000, diskBytes: 900_000_000 } : null,
    facts: {
      device: "CPU, AVX2",
      host: "attic",
      versions: { pixart: "0.1.0", node: "20.20.2", libtorch: "2.13.0" },
      threads: 2,
      argv: ["pixart", "train", "emoji_full"],
      cwd: "/home/ada/emoji",
    },
    time: isBegun
      ? [
          { what: "forward", seconds: 411 },
          { what: "backward", seconds: 808 },
          { what: "optimizer", seconds: 96 },
          { what: "data", seconds: 31 },
          { what: "samples", seconds: 142 },
          { what: "saving", seconds: 24 },
        ]
      : [],
    resumeCommand: `npx pixart train emoji_full --resume work_dirs/${run.name}`,
    canControl: true,
  };
}

/** Samples so far. Those of the demo are of an older version: sheets alone. */
export function mockSamples(run: RunLine): SampleSet[] {
  const { stage: at } = run;
  if (at === null) return [];
  const count = Math.min(Math.floor(at.step / SAMPLE_EVERY) + 1, 16);
  return Array.from({ length: count }, (_, index) => {
    const clearness = Math.min(10, Math.round(3 + 7 * ((index * SAMPLE_EVERY) / at.step)));
    return {
      stage: at.stage,
      step: index * SAMPLE_EVERY,
      sheet: `/api/thumb/sheet-${clearness}`,
      pictures:
        run.id === "r4"
          ? []
          : SUBJECTS.map(([, prompt], place) => ({
              url: `/api/thumb/picture-${place}-${clearness}`,
              prompt,
              seed: 7 + place,
            })),
    };
  });
}

/** The hardest pictures; those of the run elsewhere have no files here. */
export const mockWorst = (run: RunLine): { pictures: WorstPicture[]; reason: string | null } => ({
  pictures: SUBJECTS.map(([name, caption], place) => ({
    name: `noto/${name}.png`,
    caption,
    loss: 0.61 - 0.02 * place,
    score: 2.1 - 0.2 * place,
    seen: 40 - place,
    url: run.state === "elsewhere" ? null : `/api/thumb/picture-${place}-10`,
  })),
  reason:
    run.state === "elsewhere"
      ? "The data folder /data/museum is not on this machine: names and captions are from the run's journal."
      : null,
});
