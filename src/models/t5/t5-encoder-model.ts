import { InvalidValueError } from "../../errors/index.ts";
import { Embedding, init, Module, ModuleList, RMSNorm } from "../../nn/index.ts";
import type { Device, DType, Tensor } from "../../torch/index.ts";
import { saveModelFolder } from "../../weights/index.ts";
import { refuseUnmergedAdapters } from "../adapters/index.ts";
import { initialize } from "../initialize.ts";
import { LOWEST } from "../lowest.ts";
import { loadPretrained, type QuantizedPretrainedOptions } from "../pretrained.ts";
import { T5Block } from "./block.ts";
import { readT5Config, type T5Config, t5Config, writeT5Config } from "./config.ts";
import { encoderWeights } from "./encoder-weights.ts";
import { relativePositionBuckets } from "./relative-position.ts";

// Shapes: B batch, L tokens, D hidden width, H heads.

export interface T5Inputs {
  /** (B, L), 0 at padding; default: all are tokens. */
  readonly attentionMask?: Tensor | undefined;
}

/** The encoder half of T5 (Raffel et al. 2019, arXiv 1910.10683; transformers `T5EncoderModel`), without dropout. */
export class T5EncoderModel extends Module {
  static override readonly keys = {
    relativeAttentionBias: "encoder.block.0.layer.0.SelfAttention.relative_attention_bias",
    blocks: "encoder.block",
    finalLayerNorm: "encoder.final_layer_norm",
  };

  readonly config: T5Config;
  readonly shared: Embedding;
  /** One value per bucket and head: stored in the first block, used by all. */
  readonly relativeAttentionBias: Embedding;
  readonly blocks: ModuleList<T5Block>;
  readonly finalLayerNorm: RMSNorm;

  constructor(given: Partial<T5Config> = {}) {
    super();
    const config = t5Config(given);
    this.config = config;
    this.shared = new Embedding(config.vocabSize, config.dModel);
    this.relativeAttentionBias = new Embedding(config.relativeAttentionNumBuckets, config.numHeads);
    this.blocks = new ModuleList(
      Array.from({ length: config.numLayers }, () => new T5Block(config)),
    );
    this.finalLayerNorm = new RMSNorm(config.dModel, { eps: config.layerNormEpsilon });
    refuseFloat16(this.dtype);
    this.#initialize();
  }

  /** (B, L) int64 token ids → (B, L, D); padding gets an output too. */
  override forward(inputIds: Tensor, { attentionMask }: T5Inputs = {}): Tensor {
    const bias = this.#attentionBias(inputIds, attentionMask); // (1 or B, H, L, L)
    let x = this.shared.call(inputIds); // (B, L, D)
    for (const block of this.blocks) {
      const before = x;
      x = block.call(x, bias);
      before.dispose(); // otherwise all blocks' outputs would stay until the last
    }
    return this.finalLayerNorm.call(x);
  }

  /** As transformers does: small queries, because attention logits are not scaled. */
  #initialize(): void {
    const { dModel, dKv, dFf, numHeads, initializerFactor: factor } = this.config;
    initialize(
      this,
      [
        [/^shared\./, init.normal(factor)],
        [/norm\.weight$/, init.constant(factor)],
        [/\.q\.weight$/, init.normal(factor * (dModel * dKv) ** -0.5)],
        [/\.o\.weight$/, init.normal(factor * (numHeads * dKv) ** -0.5)],
        [/\.wo\.weight$/, init.normal(factor * dFf ** -0.5)],
        [/\.weight$/, init.normal(factor * dModel ** -0.5)],
      ],
      undefined,
    );
  }

  /**
   * Loads a T5, or its encoder, that transformers or {@link savePretrained} wrote.
   * @param folder a local folder, the name of a model of this package, or `org/name` on the Hub
   * @throws InvalidValueError for a `folder` that is none of these, and for float16, in which T5 overflows
   * @throws BadFileError for damaged or missing files; for a missing `config.json` its subclass MissingFileError
   * @throws IncompatibleError that lists all missing, unexpected and mis-shaped weights
   * @throws HubError if a download fails
   */
  static async fromPretrained(
    folder: string,
    options: QuantizedPretrainedOptions = {},
  ): Promise<T5EncoderModel> {
    return loadPretrained(folder, options, {
      baseName: "model",
      read: readT5Config,
      layers: ({ numLayers }) => [
        { field: "num_layers", says: numLayers, start: "encoder.block." },
      ],
      build: (config) => new T5EncoderModel(config),
      arrange: encoderWeights,
      quantizable: /^encoder\.block\./,
      insteadOf: new Map([["float16", "bfloat16"]]), // the range of float32, in float16's size
    });
  }

  /** Writes configuration and weights as transformers does; Python loads them unchanged. */
  async savePretrained(folder: string): Promise<void> {
    refuseUnmergedAdapters(this);
    await saveModelFolder(folder, {
      baseName: "model",
      config: writeT5Config(this.config, this.dtype),
      tensors: this.stateDict(),
    });
  }

  /** Moves the weights, or changes their dtype. Throws on float16. */
  override to(options: { device?: Device; dtype?: DType }): this {
    refuseFloat16(options.dtype);
    return super.to(options);
  }

  /** The bias that every block adds to its attention logits: (1, H, L, L), or (B, H, L, L) with a mask. */
  #attentionBias(inputIds: Tensor, attentionMask: Tensor | undefined): Tensor {
    const buckets = relativePositionBuckets(inputIds.size(1), {
      numBuckets: this.config.relativeAttentionNumBuckets,
      maxDistance: this.config.relativeAttentionMaxDistance,
      device: inputIds.device,
    }); // (L, L)
    const bias = this.relativeAttentionBias.call(buckets).permute([2, 0, 1]).unsqueeze(0); // (1, H, L, L)
    if (attentionMask === undefined) return bias;
    const padding = attentionMask.eq(0).unsqueeze(1).unsqueeze(1); // (B, 1, 1, L)
    return bias.maskedFill(padding, LOWEST);
  }
}

/** T5's activations overflow float16 and turn every later number into NaN without an error, so it is refused. */
function refuseFloat16(dtype: DType | undefined): void {
  if (dtype !== "float16") return;
  throw new InvalidValueError(
    'Expected bfloat16 or float32 for the dtype of T5EncoderModel but received float16, in which T5 overflows. Load it with { dtype: "bfloat16" }.',
  );
}
