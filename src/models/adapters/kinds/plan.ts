import { IncompatibleError } from "../../../errors/index.ts";
import { Conv2d, type ProductLayer } from "../../../nn/index.ts";
import type { AdapterConfig } from "../config/config.ts";
import { planLoHa } from "./loha.ts";
import { planLoKr } from "./lokr.ts";
import { planLora } from "./lora.ts";
import { planOFT } from "./oft.ts";
import type { PartPlan } from "./part.ts";

/** Plans an adapter's part on one layer. Throws for grouped convolutions. */
export function planPart(config: AdapterConfig, name: string, layer: ProductLayer): PartPlan {
  if (layer instanceof Conv2d) refuseGroups(config, name, layer);
  switch (config.peftType) {
    case "LORA":
      return planLora(config, name, layer);
    case "LOHA":
      return planLoHa(config, name, layer);
    case "LOKR":
      return planLoKr(config, name, layer);
    case "OFT":
      return planOFT(config, layer);
  }
}

function refuseGroups({ peftType }: AdapterConfig, name: string, layer: Conv2d): void {
  if (layer.groups === 1) return;
  throw new IncompatibleError(
    `Expected Linear and ungrouped Conv2d layers for targetModules of a ${peftType} adapter but received ${name}, a grouped convolution`,
  );
}
