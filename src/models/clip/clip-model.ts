import { init, Linear, Module } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { saveModelFolder, selectKeys } from "../../weights/index.ts";
import { loadPretrained, type PretrainedOptions } from "../pretrained.ts";
import {
  type CLIPConfig,
  clipConfig,
  type GivenCLIPConfig,
  readCLIPConfig,
  writeCLIPConfig,
} from "./config.ts";
import { CLIPTextTransformer } from "./text-transformer.ts";
import { CLIPVisionTransformer } from "./vision-transformer.ts";

// Shapes: B pictures, T texts, L tokens, C channels, S side in pixels, P projected width.

/** Output of {@link CLIPModel}. */
export interface CLIPOutput {
  /** (B, P), of length 1 each. */
  readonly imageEmbeds: Tensor;
  /** (T, P), of length 1 each. */
  readonly textEmbeds: Tensor;
  /** (B, T): cosines times the model's learned scale. */
  readonly logitsPerImage: Tensor;
}

/** CLIP (Radford et al. 2021, arXiv 2103.00020; transformers `CLIPModel`): features for comparing pictures and texts. */
export class CLIPModel extends Module {
  readonly config: CLIPConfig;
  readonly textModel: CLIPTextTransformer;
  readonly visionModel: CLIPVisionTransformer;
  readonly visualProjection: Linear;
  readonly textProjection: Linear;
  /** Logarithm of the factor on cosines. */
  readonly logitScale: Tensor; // ()

  constructor(given: GivenCLIPConfig = {}) {
    super();
    const config = clipConfig(given);
    const { textConfig, visionConfig, projectionDim, logitScaleInitValue } = config;
    this.config = config;
    this.textModel = new CLIPTextTransformer(textConfig);
    this.visionModel = new CLIPVisionTransformer(visionConfig);
    this.visualProjection = new Linear(visionConfig.hiddenSize, projectionDim, { bias: false });
    this.textProjection = new Linear(textConfig.hiddenSize, projectionDim, { bias: false });
    this.logitScale = this.parameter([], init.constant(logitScaleInitValue));
  }

  /**
   * @param inputIds    (T, L) int64
   * @param pixelValues (B, C, S, S)
   */
  override forward(inputIds: Tensor, pixelValues: Tensor): CLIPOutput {
    const imageEmbeds = unitLength(this.imageFeatures(pixelValues));
    const textEmbeds = unitLength(this.textFeatures(inputIds));
    const logitsPerImage = imageEmbeds.mm(textEmbeds.t()).mul(this.logitScale.exp());
    return { imageEmbeds, textEmbeds, logitsPerImage };
  }

  /** Token ids (T, L), int64 → features (T, P), not normalised. */
  textFeatures(inputIds: Tensor): Tensor {
    return torch.tidy(() => this.textProjection.call(this.textModel.call(inputIds)));
  }

  /** Pictures (B, C, S, S), normalised as the model's preprocessor does → features (B, P), not normalised. */
  imageFeatures(pixelValues: Tensor): Tensor {
    return torch.tidy(() => this.visualProjection.call(this.visionModel.call(pixelValues)));
  }

  /**
   * Loads a CLIP that transformers or {@link savePretrained} wrote.
   * @param folder a local folder, the name of a model of this package, or `org/name` on the Hub
   * @throws InvalidValueError for a `folder` that is none of these
   * @throws BadFileError for damaged or missing files; for a missing `config.json` its subclass MissingFileError
   * @throws IncompatibleError that lists all missing, unexpected and mis-shaped weights
   * @throws HubError if a download fails
   */
  static async fromPretrained(folder: string, options: PretrainedOptions = {}): Promise<CLIPModel> {
    return loadPretrained(folder, options, {
      baseName: "model",
      read: readCLIPConfig,
      layers: ({ textConfig, visionConfig }) => [
        {
          field: "text_config.num_hidden_layers",
          says: textConfig.numHiddenLayers,
          start: "text_model.encoder.layers.",
        },
        {
          field: "vision_config.num_hidden_layers",
          says: visionConfig.numHiddenLayers,
          start: "vision_model.encoder.layers.",
        },
      ],
      build: (config) => new CLIPModel(config),
      // Older files also contain the position indices 0, 1, 2, ….
      arrange: (weights) => selectKeys(weights, (key) => !key.endsWith(".position_ids")),
    });
  }

  /** Writes configuration and weights as transformers does; Python loads them unchanged. */
  async savePretrained(folder: string): Promise<void> {
    await saveModelFolder(folder, {
      baseName: "model",
      config: writeCLIPConfig(this.config, this.dtype),
      tensors: this.stateDict(),
    });
  }
}

/** Rows scaled to a length of 1. */
const unitLength = (rows: Tensor): Tensor =>
  torch.tidy(() => rows.div(rows.square().sum([-1], true).sqrt()));
