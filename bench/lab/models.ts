import {
  type DiTTransformer2DModel,
  type FromDiTOptions,
  type PixArtTransformer2DModel,
  pixArtFromDiT,
} from "../../src/models/index.ts";
import * as torch from "../../src/torch/index.ts";
import { RunModelLoader } from "../../src/training/models/run-model-loader.ts";
import { PerBlockTransformer } from "./per-block.ts";

/** Hands over DiT's trunk without its modulation. */
export class FreshModulation extends RunModelLoader {
  protected override fromDiT(
    dit: DiTTransformer2DModel,
    options: FromDiTOptions,
  ): PixArtTransformer2DModel {
    return pixArtFromDiT(dit, { ...options, modulation: "fresh" });
  }
}

/** Keeps DiT's modulation in each block. */
export class PerBlockModels extends RunModelLoader {
  protected override fromDiT(
    dit: DiTTransformer2DModel,
    options: FromDiTOptions,
  ): PixArtTransformer2DModel {
    const model = PerBlockTransformer.from(pixArtFromDiT(dit, options));
    const layers = [...dit.transformerBlocks].map(({ norm1 }) => norm1.linear);
    torch.noGrad(() =>
      torch.tidy(() => {
        model.adalnSingle.linear.weight.copy_(torch.cat(layers.map(({ weight }) => weight)));
        for (const [i, { scaleShiftTable }] of [...model.transformerBlocks].entries()) {
          const bias = layers[i]?.bias;
          if (bias !== undefined) scaleShiftTable.copy_(bias.reshape(scaleShiftTable.shape));
        }
      }),
    );
    return model;
  }

  protected override async buildTransformer(
    ...given: Parameters<RunModelLoader["buildTransformer"]>
  ): Promise<PixArtTransformer2DModel> {
    return PerBlockTransformer.from(await super.buildTransformer(...given));
  }
}
