import { setImmediate } from "node:timers/promises";
import { AttentionCache } from "../models/pixart/attention-cache.ts";
import type { NoiseSource, Scheduler } from "../schedulers/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { requireFinite } from "./checks/finite.ts";
import { checkGuidedSteps, type GuidanceBranches, type StepGuidance } from "./guidance.ts";
import type { StartLatents } from "./latents.ts";
import { noisePredictor, type PredictorModels } from "./noise-predictor.ts";
import type { DenoiseStep } from "./pixart-alpha-options.ts";
import { planSteps, type StepPlan } from "./plan-steps.ts";
import type { EncodedPrompt } from "./prompts/prompt-encoder.ts";

// Shapes: B pictures, C latent channels, H and W picture size in pixels, f pixels on a side of a latent pixel.

/** Input and steps of the denoising loop. */
export interface DenoiseOptions extends StepGuidance, StepPlan {
  /** Is copied. */
  readonly scheduler: Scheduler;
  readonly prompt: EncodedPrompt;
  /** Remains the caller's. */
  readonly start: StartLatents;
  /** (B, C, H/f, W/f): what the pictures follow. Remains the caller's. */
  readonly control?: Tensor | undefined;
  /** How many of the sampler's first timesteps are skipped because a picture starts with less noise. Default 0. */
  readonly skippedTimesteps?: number;
  readonly guidanceScale: number;
  readonly eta: number;
  /** If two processes predict together. Both make the same call. */
  readonly branches?: GuidanceBranches | undefined;
  /** For samplers that add noise. */
  readonly generator: NoiseSource;
  readonly signal?: AbortSignal | undefined;
}

/** Denoises step by step, yielding to the event loop between steps. Throws the reason of an aborted `signal`. */
export async function* denoise(
  models: PredictorModels,
  options: DenoiseOptions,
): AsyncGenerator<DenoiseStep, void, void> {
  const { prompt, start, control, guidanceScale, branches, eta, generator, signal } = options;
  const { guidanceInterval, tgate, skippedTimesteps = 0 } = options;
  using scheduler = planSteps(options.scheduler, options);
  scheduler.setBeginIndex(skippedTimesteps);
  using scope = torch.scope("denoise");
  using attentionCache = new AttentionCache();
  const timesteps = scheduler.timesteps.slice(skippedTimesteps);
  const total = timesteps.length;
  const guidance = { guidanceScale, guidanceInterval, tgate, branches, scheduler, numSteps: total };
  const predict = scope.run(() =>
    noisePredictor(models, { prompt, latents: start.latents, control }, guidance, attentionCache),
  );
  checkGuidedSteps(options, total);
  let latents = start.latents;
  let isHandedOver = false;
  try {
    for (const [index, timestep] of timesteps.entries()) {
      signal?.throwIfAborted();
      const [next, original] = torch.noGrad(() =>
        torch.tidy(() => {
          const input = scheduler.scaleModelInput(latents, timestep);
          const { prevSample, predOriginalSample } = scheduler.step(
            predict(input, timestep, index),
            timestep,
            latents,
            { generator, eta },
          );
          // A single step leads straight to the model's estimate of the picture, as in one-step distilled models.
          const isOneStep = scheduler.timesteps.length === 1 && scheduler.endsAtOriginal;
          const stepped = isOneStep ? predOriginalSample : prevSample;
          const result = start.kept?.restore(stepped, scheduler, timesteps[index + 1]) ?? stepped;
          requireFinite(result, "The transformer", `at step ${index + 1} of ${total}`);
          // A handle of its own: the result may be this tensor and outlive the step.
          return [result, predOriginalSample.detach()] as const;
        }),
      );
      if (latents !== start.latents) latents.dispose();
      latents = next;
      isHandedOver = index === total - 1;
      using clean = original;
      yield { step: index + 1, total, timestep, latents, original: clean };
      await setImmediate();
    }
  } finally {
    if (!isHandedOver && latents !== start.latents) latents.dispose();
  }
}
