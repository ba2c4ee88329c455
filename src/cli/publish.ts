import { publishPipeline } from "../pipelines/publish.ts";
import { pipelineFromRun } from "../training/run-pipeline.ts";
import { say } from "./talk.ts";

/** `pixart publish RUN OUT` */
export async function publishCommand(
  run: string,
  out: string,
  options: { readonly dtype?: string; readonly raw?: boolean },
): Promise<void> {
  const averaged = options.raw !== true;
  const { pipe, config, stage, step, checkpoint } = await pipelineFromRun(run, averaged);
  const dtype = options.dtype ?? config.publish.dtype;
  if (dtype !== "float32" && dtype !== "bfloat16") {
    throw new Error(`Expected float32 or bfloat16 for --dtype but received ${dtype}`);
  }
  say(
    `Publishing the ${averaged ? "averaged (EMA)" : "raw"} weights of ${checkpoint} (stage "${stage.name}", step ${step} of ${stage.steps}) as ${dtype}`,
  );
  const report = await publishPipeline(pipe, out, {
    dtype,
    prompt: config.sampling.prompts[0] ?? "",
  });
  say(`Read back and drew "${report.prompt}" with both: the pictures are equal`);
  process.stdout.write(`${report.folder}\n`);
}
