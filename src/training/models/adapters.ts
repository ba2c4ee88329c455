import type { ResolvedStage } from "../../config/index.ts";
import { IncompatibleError } from "../../errors/index.ts";
import type { Adapter, AdapterOptions } from "../../models/index.ts";
import * as torch from "../../torch/index.ts";
import type { Weights } from "../contract/stage-task.ts";

type StageAdapter = NonNullable<ResolvedStage<"text-to-image">["adapter"]>;

/** PEFT's defaults. */
const RANK = 8;
const ALPHA = 8;

/** A stage's adapter settings in PEFT's terms. */
export function adapterOptions({ type, r, alpha, targetModules }: StageAdapter): AdapterOptions {
  const rank = r ?? RANK;
  const scale = alpha ?? ALPHA;
  switch (type) {
    case "lora":
    case "dora":
      return {
        peftType: "LORA",
        targetModules,
        r: rank,
        loraAlpha: scale,
        useDora: type === "dora",
      };
    case "loha":
      return { peftType: "LOHA", targetModules, r: rank, alpha: scale };
    case "lokr":
      return { peftType: "LOKR", targetModules, r: rank, alpha: scale };
    case "oft":
      return r === null || r === 0
        ? { peftType: "OFT", targetModules }
        : { peftType: "OFT", targetModules, r, oftBlockSize: 0 };
  }
}

/** An adapter's tensors in a checkpoint, by their keys in PEFT's files. */
export const adapterWeights = (adapter: Adapter): Weights => ({
  namedParameters: () => adapter.parameters(),
  loadStateDict: (state) => {
    torch.noGrad(() => {
      for (const [key, parameter] of adapter.parameters()) {
        const saved = state.get(key);
        if (saved === undefined) throw new IncompatibleError(`The saved adapter lacks ${key}`);
        parameter.copy_(saved);
      }
    });
  },
});
