import type { ParsedConfig } from "../options/train-config.ts";
import { expected } from "./mistakes.ts";

type ClassStage = Extract<ParsedConfig["stages"][number], { kind: "class-conditional" }>;
type DiffusionStage = Pick<ClassStage, "loss" | "noise" | "timesteps">;

/** One sentence for each conflict between the fields of diffusion stage number `i`. */
export function* denoisingChecks(stage: DiffusionStage, i: number): Generator<string> {
  const { loss, noise, timesteps } = stage;
  if (loss.debiased && loss.minSnrGamma !== null) {
    const what = "null, since the stage's loss is debiased,";
    yield expected(what, ["stages", i, "loss", "minSnrGamma"], loss.minSnrGamma);
  }
  if (loss.type === "epsilon+vlb" && loss.huberDelta !== null) {
    const what = "null, since the stage's loss is epsilon+vlb,";
    yield expected(what, ["stages", i, "loss", "huberDelta"], loss.huberDelta);
  }
  if (loss.type === "epsilon+vlb" && noise.inputPerturbation > 0) {
    const what =
      "0, since the stage's loss is epsilon+vlb, whose bound assumes unperturbed inputs,";
    yield expected(what, ["stages", i, "noise", "inputPerturbation"], noise.inputPerturbation);
  }
  if (timesteps.type === "range" && timesteps.biasEnd <= timesteps.biasBegin) {
    const what = `a number above biasBegin (${timesteps.biasBegin})`;
    yield expected(what, ["stages", i, "timesteps", "biasEnd"], timesteps.biasEnd);
  }
}
