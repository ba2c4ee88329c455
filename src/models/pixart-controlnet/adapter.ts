import { InvalidValueError } from "../../errors/index.ts";
import { construct, init, Linear, Module, ModuleList } from "../../nn/index.ts";
import { type Tensor, tidy, zeros } from "../../torch/index.ts";
import { saveModelFolder } from "../../weights/index.ts";
import { refuseUnmergedAdapters } from "../adapters/index.ts";
import { type BlockConditions, PixArtBlock, runBlock } from "../pixart/block.ts";
import { blockOptions, type PixArtTransformerConfig } from "../pixart/config.ts";
import type { PixArtTransformer2DModel } from "../pixart/transformer.ts";
import { loadPretrained, loadSingleFile, type PretrainedOptions } from "../pretrained.ts";
import type { SingleFileOptions } from "../single-file.ts";
import {
  type PixArtControlNetConfig,
  pixArtControlNetConfig,
  readPixArtControlNetConfig,
  writePixArtControlNetConfig,
} from "./config.ts";
import { readControlNetFile } from "./single-file.ts";

// Shapes: B batch, N image tokens, D hidden width.

/** A linear layer initialized to zero, so that it has no influence at first. */
function zeroLinear(dim: number): Linear {
  const linear = new Linear(dim, dim);
  for (const parameter of linear.parameters()) init.zeros(parameter);
  return linear;
}

/** Input of a control block. */
export interface ControlStates {
  /** (B, N, D): the transformer's own tokens, only read by the first control block */
  readonly x: Tensor;
  /** (B, N, D): the condition's tokens, or the output of the previous control block */
  readonly control: Tensor;
}

/** Output of a control block. */
export interface ControlOutputs {
  /** (B, N, D), for the next control block */
  readonly control: Tensor;
  /** (B, N, D), to be added to the transformer's tokens before its next block */
  readonly residual: Tensor;
}

/** A copy of one of the transformer's blocks between layers initialized to zero. */
export class PixArtControlNetAdapterBlock extends Module {
  /** Only in the first block. */
  readonly beforeProj: Linear | undefined;
  readonly transformerBlock: PixArtBlock;
  readonly afterProj: Linear;

  constructor(config: PixArtControlNetConfig, layer: number) {
    super();
    const options = blockOptions(config, layer);
    this.beforeProj = layer === 0 ? zeroLinear(options.dim) : undefined;
    this.transformerBlock = new PixArtBlock(options);
    this.afterProj = zeroLinear(options.dim);
  }

  override forward(
    { x, control }: ControlStates,
    conditions: BlockConditions,
    checkpointing: boolean,
  ): ControlOutputs {
    const before = this.beforeProj === undefined ? control : x.add(this.beforeProj.call(control)); // (B, N, D)
    const after = runBlock(this.transformerBlock, before, conditions, checkpointing); // (B, N, D)
    return { control: after, residual: this.afterProj.call(after) };
  }
}

/** Options of {@link PixArtControlNetAdapterModel.fromTransformer}. */
export interface FromTransformerOptions {
  /** Number of leading blocks to copy. Default: the paper's 13. */
  readonly numLayers?: number;
}

/**
 * The control part of PixArt-δ's ControlNet-Transformer (arXiv 2401.05252 section 4), under the names and keys of diffusers'
 * `examples/research_projects/pixart`. It works inside a {@link PixArtControlNetTransformerModel}.
 */
export class PixArtControlNetAdapterModel extends Module {
  readonly config: PixArtControlNetConfig;
  readonly controlnetBlocks: ModuleList<PixArtControlNetAdapterBlock>;

  constructor(given: Partial<PixArtControlNetConfig> = {}) {
    super();
    const config = pixArtControlNetConfig(given);
    this.config = config;
    this.controlnetBlocks = new ModuleList(
      Array.from(
        { length: config.numLayers },
        (_, layer) => new PixArtControlNetAdapterBlock(config, layer),
      ),
    );
  }

  /** Runs one of the control blocks. They must run in order. */
  override forward(
    layer: number,
    states: ControlStates,
    conditions: BlockConditions,
    checkpointing: boolean,
  ): ControlOutputs {
    return this.controlnetBlocks.at(layer).call(states, conditions, checkpointing);
  }

  /**
   * An adapter to start training from: copies of the transformer's first blocks, without any effect yet. Throws if the
   * transformer has no block after the last of them.
   */
  static fromTransformer(
    transformer: PixArtTransformer2DModel,
    { numLayers = 13 }: FromTransformerOptions = {},
  ): PixArtControlNetAdapterModel {
    requireBlocksBehind(transformer.config, numLayers);
    const { device, dtype } = transformer;
    const config = copiedConfig(transformer.config, numLayers);
    const adapter = construct(
      { device: "meta", dtype },
      () => new PixArtControlNetAdapterModel(config),
    );
    const source = transformer.stateDict();
    const copied = /^controlnet_blocks\.(\d+)\.transformer_block\.(.+)$/;
    tidy(() => {
      const start = [...adapter.stateDict()].map(([key, { shape }]): [string, Tensor] => {
        const original = source.get(key.replace(copied, "transformer_blocks.$1.$2"));
        return [key, original?.detach().clone() ?? zeros(shape, { device, dtype })];
      });
      adapter.loadStateDict(new Map(start));
    });
    return adapter;
  }

  /**
   * Loads an adapter that diffusers' research example or {@link savePretrained} wrote.
   * @param folder a local folder, the name of a model of this package, or `org/name` on the Hub
   * @throws InvalidValueError for a `folder` that is none of these
   * @throws BadFileError for damaged or missing files; for a missing `config.json` its subclass MissingFileError
   * @throws IncompatibleError that lists all missing, unexpected and mis-shaped weights
   * @throws HubError if a download fails
   */
  static async fromPretrained(
    folder: string,
    options: PretrainedOptions = {},
  ): Promise<PixArtControlNetAdapterModel> {
    return loadPretrained(folder, options, {
      baseName: "diffusion_pytorch_model",
      read: readPixArtControlNetConfig,
      layers: ({ numLayers }) => [
        { field: "num_layers", says: numLayers, start: "controlnet_blocks." },
      ],
      build: (config) => new PixArtControlNetAdapterModel(config),
    });
  }

  /**
   * Loads the control part of a checkpoint of PixArt-δ's own code (`.pth`), whose transformer
   * {@link PixArtTransformer2DModel.fromSingleFile} loads from the same file.
   */
  static async fromSingleFile(
    path: string,
    options: SingleFileOptions = {},
  ): Promise<PixArtControlNetAdapterModel> {
    return loadSingleFile(path, options, {
      read: readControlNetFile,
      build: (config) => new PixArtControlNetAdapterModel(config),
    });
  }

  /** Writes configuration and weights; the research example loads those of XL/2. */
  async savePretrained(folder: string): Promise<void> {
    refuseUnmergedAdapters(this);
    await saveModelFolder(folder, {
      baseName: "diffusion_pytorch_model",
      config: writePixArtControlNetConfig(this.config),
      tensors: this.stateDict(),
    });
  }
}

/** Throws if a transformer lacks the block after the last of `numLayers` control blocks. */
export function requireBlocksBehind(
  { numLayers: blocks }: Pick<PixArtTransformerConfig, "numLayers">,
  numLayers: number,
): void {
  if (numLayers < blocks) return;
  throw new InvalidValueError(
    `Expected fewer control blocks than the transformer's ${blocks} for numLayers but received ${numLayers}: each feeds the block after the one that it copies`,
  );
}

/** The configuration of blocks that copy a transformer's first `numLayers`. */
function copiedConfig(config: PixArtTransformerConfig, numLayers: number): PixArtControlNetConfig {
  const layers = config.kvCompressConfig?.kvCompressLayer.filter((layer) => layer < numLayers);
  return {
    numLayers,
    numAttentionHeads: config.numAttentionHeads,
    attentionHeadDim: config.attentionHeadDim,
    crossAttentionDim: config.crossAttentionDim,
    attentionBias: config.attentionBias,
    activationFn: config.activationFn,
    normElementwiseAffine: config.normElementwiseAffine,
    normEps: config.normEps,
    kvCompressConfig:
      config.kvCompressConfig !== null && layers !== undefined && layers.length > 0
        ? { ...config.kvCompressConfig, kvCompressLayer: layers }
        : null,
    qkNorm: config.qkNorm,
    mlpRatio: config.mlpRatio,
  };
}
