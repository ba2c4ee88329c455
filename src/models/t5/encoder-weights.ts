import { IncompatibleError } from "../../errors/index.ts";
import type { StateSource } from "../../nn/index.ts";
import { tidy } from "../../torch/index.ts";

const SHARED = "shared.weight";
const TIED = "encoder.embed_tokens.weight";
const ofOtherParts = /^(decoder|lm_head)\./;

/**
 * Selects the encoder's weights of a T5 checkpoint. Those of the decoder are skipped, and the token embedding may have either of
 * its two names. Throws if both are present and differ.
 */
export function encoderWeights(weights: StateSource): StateSource {
  const keys = [...weights.keys()].filter((key) => !ofOtherParts.test(key));
  const hasShared = keys.includes(SHARED);
  if (hasShared && keys.includes(TIED)) {
    const isTied = tidy(() => weights.tensor(SHARED).equal(weights.tensor(TIED)));
    if (!isTied) {
      throw new IncompatibleError(
        `Expected equal tensors for ${SHARED} and ${TIED}, which T5 ties, but they differ; remove the one that is not in use`,
      );
    }
  }
  const stored = (key: string): string => (key === SHARED && !hasShared ? TIED : key);
  return {
    keys: () => new Set(keys.map((key) => (key === TIED ? SHARED : key))),
    shape: (key) => weights.shape(stored(key)),
    tensor: (key) => weights.tensor(stored(key)),
  };
}
