export { CLIPModel, type CLIPOutput } from "./clip-model.ts";
export type {
  CLIPConfig,
  CLIPTextConfig,
  CLIPTowerConfig,
  CLIPVisionConfig,
  GivenCLIPConfig,
} from "./config.ts";
