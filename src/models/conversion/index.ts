export {
  type ConversionOptions,
  type ConversionReport,
  type ConversionTarget,
  convertCheckpoint,
} from "./convert.ts";
