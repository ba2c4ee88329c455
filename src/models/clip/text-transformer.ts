import { expected } from "../../errors/index.ts";
import { Embedding, LayerNorm, Module, ModuleList } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { inSequence } from "../in-sequence.ts";
import { LOWEST } from "../lowest.ts";
import type { CLIPTextConfig } from "./config.ts";
import { CLIPEncoderLayer } from "./encoder-layer.ts";

// Shapes: B texts, L tokens, D hidden width.

/** The id that older files have for the last token, whatever it is. */
const UNKNOWN_END = 2;

/** Reads texts from left to right; the state at a text's end represents all of it (transformers `CLIPTextModel`). */
export class CLIPTextTransformer extends Module {
  static override readonly keys = {
    tokenEmbedding: "embeddings.token_embedding",
    positionEmbedding: "embeddings.position_embedding",
    layers: "encoder.layers",
  };

  readonly tokenEmbedding: Embedding;
  readonly positionEmbedding: Embedding;
  readonly layers: ModuleList<CLIPEncoderLayer>;
  readonly finalLayerNorm: LayerNorm;
  readonly #config: CLIPTextConfig;

  constructor(config: CLIPTextConfig) {
    super();
    const { vocabSize, hiddenSize, maxPositionEmbeddings, numHiddenLayers, layerNormEps } = config;
    this.#config = config;
    this.tokenEmbedding = new Embedding(vocabSize, hiddenSize);
    this.positionEmbedding = new Embedding(maxPositionEmbeddings, hiddenSize);
    this.layers = new ModuleList(
      Array.from({ length: numHiddenLayers }, () => new CLIPEncoderLayer(config)),
    );
    this.finalLayerNorm = new LayerNorm(hiddenSize, { eps: layerNormEps });
  }

  /**
   * Token ids (B, L), int64 → the states at the texts' ends (B, D). Padding comes after the end, and attention is causal, so it
   * needs no mask.
   */
  override forward(inputIds: Tensor): Tensor {
    const length = inputIds.size(1);
    const { maxPositionEmbeddings, hiddenSize } = this.#config;
    if (length > maxPositionEmbeddings) {
      throw expected(`at most ${maxPositionEmbeddings} tokens per text`, "inputIds", length);
    }
    const positions = this.positionEmbedding.weight.narrow(0, 0, length); // (L, D)
    const embedded = this.tokenEmbedding.call(inputIds).add(positions); // (B, L, D)
    const { device, dtype } = embedded;
    const mask = torch.full([1, 1, length, length], LOWEST, { device, dtype }).triu(1);
    const states = inSequence(
      embedded,
      Array.from(this.layers, (layer) => (x: Tensor) => layer.call(x, mask)),
    );
    const ends = this.#ends(inputIds).reshape([-1, 1, 1]).expand([-1, 1, hiddenSize]);
    return this.finalLayerNorm.call(states.gather(1, ends).squeeze(1));
  }

  /** Where each text ends (B): at its first end token, or at its largest id if the file does not say which token that is. */
  #ends(inputIds: Tensor): Tensor {
    const { eosTokenId } = this.#config;
    if (eosTokenId === UNKNOWN_END) return inputIds.argmax(-1);
    return inputIds.eq(eosTokenId).to({ dtype: "int64" }).argmax(-1);
  }
}
