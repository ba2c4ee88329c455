import { expected } from "../../errors/index.ts";
import { Conv2d, Embedding, init, LayerNorm, Module, ModuleList } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { inSequence } from "../in-sequence.ts";
import type { CLIPVisionConfig } from "./config.ts";
import { CLIPEncoderLayer } from "./encoder-layer.ts";

// Shapes: B pictures, C channels, S side in pixels, N patches, D hidden width.

/** Attends to a picture's patches and to one extra token, which represents all of it (transformers `CLIPVisionModel`). */
export class CLIPVisionTransformer extends Module {
  static override readonly keys = {
    classEmbedding: "embeddings.class_embedding",
    patchEmbedding: "embeddings.patch_embedding",
    positionEmbedding: "embeddings.position_embedding",
    preLayerNorm: "pre_layrnorm", // spelled so in the files
    layers: "encoder.layers",
    postLayerNorm: "post_layernorm",
  };

  readonly classEmbedding: Tensor; // (D)
  readonly patchEmbedding: Conv2d;
  readonly positionEmbedding: Embedding;
  readonly preLayerNorm: LayerNorm;
  readonly layers: ModuleList<CLIPEncoderLayer>;
  readonly postLayerNorm: LayerNorm;
  readonly #config: CLIPVisionConfig;

  constructor(config: CLIPVisionConfig) {
    super();
    const { hiddenSize, imageSize, patchSize, numChannels, numHiddenLayers } = config;
    const eps = config.layerNormEps;
    this.#config = config;
    this.classEmbedding = this.parameter([hiddenSize], init.normal(1));
    this.patchEmbedding = new Conv2d(numChannels, hiddenSize, patchSize, {
      stride: patchSize,
      bias: false,
    });
    this.positionEmbedding = new Embedding(Math.floor(imageSize / patchSize) ** 2 + 1, hiddenSize);
    this.preLayerNorm = new LayerNorm(hiddenSize, { eps });
    this.layers = new ModuleList(
      Array.from({ length: numHiddenLayers }, () => new CLIPEncoderLayer(config)),
    );
    this.postLayerNorm = new LayerNorm(hiddenSize, { eps });
  }

  /** Pictures (B, C, S, S), normalised as the model's preprocessor does → the states of their first tokens (B, D). */
  override forward(pixelValues: Tensor): Tensor {
    const { imageSize, numChannels } = this.#config;
    const [batch = 0, ...size] = pixelValues.shape;
    if (String(size) !== String([numChannels, imageSize, imageSize])) {
      throw expected(
        `pictures of [${numChannels}, ${imageSize}, ${imageSize}]`,
        "pixelValues",
        `[${size.join(", ")}]`,
      );
    }
    const patches = this.patchEmbedding.call(pixelValues.to({ dtype: this.classEmbedding.dtype }));
    const tokens = torch.cat(
      [this.classEmbedding.expand([batch, 1, -1]), patches.flatten(2).transpose(1, 2)],
      1,
    ); // (B, 1 + N, D)
    const embedded = this.preLayerNorm.call(tokens.add(this.positionEmbedding.weight));
    const states = inSequence(
      embedded,
      Array.from(this.layers, (layer) => (x: Tensor) => layer.call(x)),
    );
    return this.postLayerNorm.call(states.select(1, 0));
  }
}
