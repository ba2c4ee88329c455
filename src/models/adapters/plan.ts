import { Conv2d, type ProductLayer } from "../../nn/index.ts";
import type { AdapterConfig } from "./config.ts";
import { planLoHa } from "./loha.ts";
import { planLoKr } from "./lokr.ts";
import { planLora } from "./lora.ts";
import { planOFT } from "./oft.ts";
import type { PartPlan } from "./part.ts";

/** How an adapter sits on one layer. Throws for convolutions that it does not know. */
export function planPart(config: AdapterConfig, name: string, layer: ProductLayer): PartPlan {
  if (layer instanceof Conv2d) refuseConvolution(config, name, layer);
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

function refuseConvolution(config: AdapterConfig, name: string, layer: Conv2d): void {
  const { peftType } = config;
  const isKnown =
    peftType === "LORA" ||
    (peftType === "LOHA" && (!config.useEffectiveConv2d || layer.weight.size(2) === 1));
  if (isKnown && layer.groups === 1) return;
  const kind = isKnown ? "a convolution in groups" : "a convolution";
  const hint = peftType === "LOHA" && !isKnown ? " with useEffectiveConv2d" : "";
  throw new Error(
    `Expected Linear layers for targetModules of a ${peftType} adapter${hint} but received ${name}, ${kind}`,
  );
}
