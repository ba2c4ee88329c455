import type { GenerateOptions } from "../../../../src/client/requests.ts";
import type { DrawForm } from "./draw-form.ts";

/** The form as the API's fields, without those left to the model. The model is always named: a server's own choice may change. */
export const drawRequest = (form: DrawForm): GenerateOptions => ({
  model: form.model,
  prompt: form.prompt,
  ...(form.negative.trim() !== "" && { negative_prompt: form.negative }),
  n: form.count,
  seed: form.seed,
  ...(form.steps !== null && { steps: form.steps }),
  ...(form.guidance !== null && { guidance_scale: form.guidance }),
  ...(form.size !== "" && { size: form.size }),
  ...(form.scheduler !== "" && { scheduler: form.scheduler }),
  ...(form.adapters.length > 0 && { adapters: [...form.adapters] }),
});
