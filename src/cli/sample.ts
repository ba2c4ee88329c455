import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { contactSheet, type RgbImage } from "../images/index.ts";
import * as torch from "../torch/index.ts";
import { loadPipeline } from "./load-pipeline.ts";
import { say } from "./talk.ts";

/** Options of `pixart sample`. */
export interface SampleOptions {
  readonly steps: number;
  readonly guidance: number;
  readonly seed: number;
  readonly negative: string;
  readonly width?: number;
  readonly height?: number;
  readonly raw?: boolean;
  readonly out: string;
  readonly json?: boolean;
}

const fileStem = (prompt: string): string =>
  prompt
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 60) || "unconditional";

/** `pixart sample MODEL PROMPTS…`: a PNG each, and a contact sheet for several. */
export async function sampleCommand(
  model: string,
  prompts: readonly string[],
  options: SampleOptions,
): Promise<void> {
  if (prompts.length === 0)
    throw new Error('Expected at least one prompt, such as "a red apple, noto style"');
  const { pipe, run } = await loadPipeline(model, { raw: options.raw ?? false });
  await mkdir(options.out, { recursive: true });
  const images: RgbImage[] = [];
  const files: string[] = [];
  const start = performance.now();
  for (const [i, prompt] of prompts.entries()) {
    const seed = options.seed + i;
    const size = run && { width: run.stage.resolution, height: run.stage.resolution };
    const result = await pipe(prompt, {
      ...size,
      ...(options.width === undefined ? {} : { width: options.width }),
      ...(options.height === undefined ? {} : { height: options.height }),
      numInferenceSteps: options.steps,
      guidanceScale: options.guidance,
      negativePrompt: options.negative,
      generator: torch.generator(seed),
      onWarning: (message) => say(`Warning: ${message}`),
    });
    for (const image of result.images) {
      const file = join(options.out, `${fileStem(prompt)}-${seed}.png`);
      await image.save(file);
      images.push(image);
      files.push(file);
    }
  }
  if (images.length > 1) {
    const sheet = await contactSheet(images, {
      columns: Math.ceil(Math.sqrt(images.length)),
      labels: [...prompts],
      cell: 128,
    });
    const file = join(options.out, "sheet.png");
    await sheet.save(file);
    files.push(file);
  }
  say(
    `${images.length} picture${images.length === 1 ? "" : "s"} in ${((performance.now() - start) / 1000).toFixed(1)} s`,
  );
  process.stdout.write(options.json ? `${JSON.stringify({ files })}\n` : `${files.join("\n")}\n`);
}
