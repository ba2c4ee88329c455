import { existsSync } from "node:fs";
import { printResult } from "../terminal/output.ts";
import { say } from "../terminal/talk.ts";
import { UsageError } from "../terminal/usage-error.ts";
import { drawingDevice, loadPipeline, type PipelineChanges } from "./load-pipeline.ts";

/** Options of `pixart embed`. */
export interface EmbedOptions extends Pick<PipelineChanges, "dtype" | "quantize" | "revision"> {
  readonly device: string;
  readonly out: string;
  readonly maxLength?: number;
  readonly cleanCaption: boolean;
  readonly json?: boolean;
}

/** `pixart embed MODEL PROMPTS…`: a file of encoded prompts, with which `sample --prompts-from` needs no text encoder. */
export async function embedCommand(
  model: string,
  prompts: readonly string[],
  { out, maxLength, cleanCaption, device, json, ...changes }: EmbedOptions,
): Promise<void> {
  if (!out.endsWith(".safetensors"))
    throw new UsageError(`Expected a name that ends in .safetensors for --out but received ${out}`);
  if (existsSync(out))
    throw new UsageError(`Expected a new file for --out but received ${out}, which exists`);
  const { pipe } = await loadPipeline(model, {
    ...changes,
    device: drawingDevice(device, changes),
  });
  const pack = await pipe.packPrompts(prompts, {
    cleanCaption,
    ...(maxLength !== undefined && { maxSequenceLength: maxLength }),
    onWarning: (message) => say(`Warning: ${message}`),
  });
  await pack.save(out);
  say(`${pack.prompts.length} prompts, including the empty one for guidance`);
  const report = { file: out, prompts: pack.prompts };
  printResult(json ? JSON.stringify(report) : out);
}
