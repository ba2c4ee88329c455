import type { ModelFacts } from "../engine/engine-messages.ts";
import { ApiError } from "../http/api-error.ts";

/** Names that OpenAI's clients send by default. */
const OPENAI_NAMES = /^(dall-e-[\w-]+|gpt-image-[\w.-]+|chatgpt-image-latest)$/;

/** Whether a request leaves the model to the server: it names none, or one of OpenAI's. */
export const isAnyModel = (name: string | null | undefined): boolean =>
  name == null || name === "" || OPENAI_NAMES.test(name);

/** The model of a request: the first if it names none, or one of OpenAI's. Throws for one that does not exist here. */
export function modelOf(
  name: string | null | undefined,
  models: ReadonlyMap<string, ModelFacts>,
  first: string,
): ModelFacts {
  const found = models.get(name == null || name === "" ? first : name);
  if (found !== undefined) return found;
  const standIn = isAnyModel(name) ? models.get(first) : undefined;
  if (standIn !== undefined) return standIn;
  const shown = JSON.stringify(String(name).slice(0, 60));
  throw new ApiError(
    404,
    "model_not_found",
    `Expected one of ${[...models.keys()].join(", ")} for model but received ${shown}`,
    { param: "model" },
  );
}
