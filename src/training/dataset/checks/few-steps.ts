import type { ResolvedConfig, ResolvedStage } from "../../../config/index.ts";
import { stageExamples, type TrainingData } from "../training-data.ts";

/** With fewer steps, pictures look the same as before (docs/training.md has the measurement). */
const FEW = 20;
/** The suggested number of steps: a small model fine-tuned on a dozen pictures shows their style by then. */
const ENOUGH = 100;
/** The matching warm-up. */
const WARMUP = ENOUGH / 10;

/**
 * One sentence, with what to change, for each stage that ends before it can have learnt much.
 * @param isBegun whether the run has done steps: then their size is fixed
 */
export function tooFewSteps(
  config: ResolvedConfig,
  data: TrainingData,
  isBegun: boolean,
): string[] {
  return config.stages.flatMap((stage, i) => {
    if (stage.steps >= FEW) return [];
    const pictures = stageExamples(stage, data).train.length;
    const batch = stage.batchSize * stage.gradientAccumulation * config.processes;
    const changes = isBegun ? [`steps=${ENOUGH}`] : suggested(stage, pictures);
    const options = changes.map((change) => `stages.${i}.${change}`).join(" ");
    return [
      `${stage.steps} ${stage.steps === 1 ? "step" : "steps"} of ${batch} pictures ${stage.steps === 1 ? "is" : "are"} too few for stage "${stage.name}" to learn much; for ${pictures} pictures try --cfg-options ${options}`,
    ];
  });
}

/** A step that shows every picture several times learns little more than one that shows each once. */
function suggested({ batchSize, schedule }: ResolvedStage, pictures: number): string[] {
  const batch = batchSize > pictures ? Math.max(1, Math.floor(pictures / 3)) : batchSize;
  return [
    ...(batch === batchSize ? [] : [`batchSize=${batch}`]),
    `steps=${ENOUGH}`,
    ...(schedule.warmupSteps > 0 ? [`schedule.warmupSteps=${WARMUP}`] : []),
  ];
}
