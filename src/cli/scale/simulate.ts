import { readFile } from "node:fs/promises";
import { InternalError } from "../../errors/index.ts";
import {
  type Assumption,
  assumptionsOf,
  type ClockReport,
  type DatasetStorage,
  PIXART_ALPHA,
  parseScaleRecipe,
  type ScaleInputs,
  type ScaleRecipe,
  type ScaleReport,
  type StageReport,
  simulateRun,
} from "../../scale/index.ts";
import { table } from "../terminal/table.ts";
import { UsageError } from "../terminal/usage-error.ts";
import { REPORT_PARTS } from "./report-parts.ts";

/** Options of `pixart simulate`. */
export interface SimulateOptions extends Omit<ScaleInputs, "gpus"> {
  readonly gpus: readonly number[];
  readonly recipe: string;
  readonly show?: readonly string[];
  readonly json?: boolean;
}

/** `pixart simulate --gpus N` */
export async function simulateCommand(options: SimulateOptions): Promise<void> {
  const { gpus, recipe: name, show = REPORT_PARTS, json, ...inputs } = options;
  const recipe = await readRecipe(name);
  const reports = gpus.map((count) => simulateRun(recipe, { ...inputs, gpus: count }));
  if (json) {
    const withSources = reports.map((each) => ({ ...each, assumptions: assumptionsOf(each) }));
    process.stdout.write(`${JSON.stringify(withSources)}\n`);
    return;
  }
  const [first] = reports;
  if (first === undefined) throw new InternalError("Expected a number of GPUs");
  const lines =
    reports.length === 1 ? describeRun(first, show) : describeComparison(reports, first);
  process.stdout.write(`${lines.join("\n")}\n`);
}

async function readRecipe(name: string): Promise<ScaleRecipe> {
  if (name === PIXART_ALPHA.name) return PIXART_ALPHA;
  if (!name.endsWith(".json")) {
    throw new UsageError(
      `Expected ${PIXART_ALPHA.name} or a .json file for --recipe but received ${name}`,
    );
  }
  return parseScaleRecipe(await readFile(name, "utf8"), name);
}

function describeComparison(reports: readonly ScaleReport[], first: ScaleReport): string[] {
  const { recipe, inputs } = first;
  return [
    `${recipe.name}: ${runsText(inputs)}`,
    "",
    ...table([
      ["GPUs", "GPU days", ...CLOCK_HEAD],
      ...reports.map(({ inputs: { gpus }, total }) => [
        String(gpus),
        whole((gpus * total.wallHours) / 24),
        ...clockCells(total),
      ]),
    ]),
    "",
    "For everything else, including the assumptions, give a single number of GPUs.",
  ];
}

function describeRun(report: ScaleReport, parts: readonly string[]): string[] {
  const { recipe, inputs } = report;
  const shown = Object.entries(PARTS).filter(([name]) => parts.includes(name));
  return [
    `${recipe.name} on ${inputs.gpus} GPUs: ${runsText(inputs)}`,
    ...shown.flatMap(([, describe]) => ["", ...describe(report)]),
  ];
}

/** The parts of the report on one run. */
const PARTS: Record<(typeof REPORT_PARTS)[number], (report: ScaleReport) => string[]> = {
  step: ({ stages }) => [
    "A step, in seconds",
    ...table([
      [
        "stage",
        "steps",
        "GPUs",
        "images each",
        "images/s of one",
        "compute",
        "all-reduce",
        "not hidden",
        "slowest",
        "step",
        "steps/s",
      ],
      ...stages.map(stepCells),
    ]),
  ],
  time: ({ stages, total }) => [
    "Time",
    ...table([
      ["stage", ...CLOCK_HEAD],
      ...stages.map((stage) => [stage.name, ...clockCells(stage)]),
      ["all", ...clockCells(total)],
    ]),
  ],
  checkpoints: ({ stages, checkpointBytes, inputs: { keepCheckpoints } }) => [
    `Checkpoints: ${bytesText(checkpointBytes)} each, ${bytesText(checkpointBytes * keepCheckpoints)} for the ${keepCheckpoints} that are kept`,
    ...table([
      ["stage", "every steps", "written", "save s", "optimum min: Young", "Daly"],
      ...stages.map(checkpointCells),
    ]),
  ],
  storage: ({ storage }) => [
    "Storage, and the hours before training on these GPUs",
    ...table([
      ["data set", "pictures", "files", "tars of 1 GB", "captions", "caption h", "latent h"],
      ...storage.map(storageCells),
    ]),
    "",
    ...table([
      ["data set", "resolution", "latents"],
      ...storage.flatMap(({ dataset, latents }) =>
        latents.map(({ resolution, bytes }) => [dataset, String(resolution), bytesText(bytes)]),
      ),
    ]),
  ],
  assumptions: (report) => [
    "Assumptions (no source: a guess, to be replaced by your own measurement)",
    ...assumptionsOf(report).map(describeAssumption),
  ],
};

const stepCells = ({ name, steps, step }: StageReport): string[] => [
  name,
  whole(steps),
  String(step.ranks),
  String(step.imagesOfOne),
  digits(step.imagesPerSecond),
  digits(step.compute),
  digits(step.allReduce),
  digits(step.exposed),
  digits(step.straggling),
  digits(step.total),
  digits(1 / step.total),
];

const storageCells = (each: DatasetStorage): string[] => [
  each.dataset,
  whole(each.pictures),
  bytesText(each.raw),
  whole(each.tars),
  each.captions === 0 ? "-" : bytesText(each.captions),
  each.captions === 0 ? "-" : digits(each.captionHours),
  digits(each.latentHours),
];

const runsText = ({ runs, seed }: ScaleReport["inputs"]): string =>
  `${runs === 1 ? "one simulated run" : `means of ${runs} simulated runs`}, seed ${seed}`;

const CLOCK_HEAD = [
  "days",
  "5 to 95 %",
  "stops",
  "closed form",
  "lost GPU h",
  "goodput",
  "closed form",
  "efficiency",
];

const clockCells = (clock: ClockReport): string[] => [
  (clock.wallHours / 24).toFixed(2),
  clock.wallRange.map((hours) => (hours / 24).toFixed(2)).join("-"),
  clock.stops.toFixed(1),
  clock.expectedStops.toFixed(1),
  whole(clock.lostGpuHours),
  percent(clock.goodput),
  percent(clock.expectedGoodput),
  percent(clock.efficiency),
];

const checkpointCells = (stage: StageReport): string[] => [
  stage.name,
  whole(stage.stepsPerCheckpoint),
  whole(stage.checkpoints),
  digits(stage.saveSeconds),
  digits(stage.youngMinutes),
  digits(stage.dalyMinutes),
];

const describeAssumption = ({ what, value, source }: Assumption): string =>
  `  ${what}${value === undefined ? "" : `: ${value}`} [${source}]`;

/** `150,000` */
const whole = (value: number): string => Math.round(value).toLocaleString("en-US");

/** Three digits, never with an exponent. */
function digits(value: number): string {
  if (value === 0) return "0";
  const places = Math.max(0, 2 - Math.floor(Math.log10(value)));
  return places === 0 ? whole(value) : value.toFixed(Math.min(places, 6));
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** Storage in decimal units: `812 MB`, `13.8 TB`. */
function bytesText(bytes: number): string {
  const units = ["MB", "GB", "TB", "PB", "EB"];
  const index = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(bytes) / 3) - 2));
  return `${digits(bytes / 10 ** (6 + 3 * index))} ${units[index]}`;
}
