import { CURRICULUM, type Design } from "./design.ts";
import { FreshModulation, PerBlockModels } from "./models.ts";

/** All three designs of the paper. */
export const FULL: Design = {
  name: "FULL",
  what: "all three designs",
  parts: CURRICULUM,
  dense: 0.3,
  labels: "own",
};

/** What is compared: the paper's designs, each left out or changed in one way. */
export const ARMS: readonly Design[] = [
  FULL,
  {
    ...FULL,
    name: "A1",
    without: "A pixel stage",
    what: "no pixel stage: its share goes to captions",
    parts: [
      { learns: "captions", side: 32, twentieths: 14 },
      { learns: "captions", side: 64, twentieths: 6 },
    ],
  },
  {
    ...FULL,
    name: "A1-groups",
    what: "the pixel stage learns 8 groups in place of things",
    labels: "groups",
  },
  {
    ...FULL,
    name: "A2",
    without: "Training in stages",
    what: "64 px from the first step, no stages",
    parts: [{ learns: "captions", side: 64, twentieths: 20 }],
  },
  {
    ...FULL,
    name: "B1",
    without: "Re-parameterisation",
    what: "no re-parameterisation: DiT's trunk, and adaLN-single fresh",
    models: FreshModulation,
  },
  {
    ...FULL,
    name: "B2",
    without: "adaLN-single",
    what: "adaLN in each block, as DiT has it, and all of DiT's taken over",
    models: PerBlockModels,
    perBlock: true,
  },
  {
    ...FULL,
    name: "C1",
    without: "Training on dense captions",
    what: "never dense captions",
    dense: 0,
  },
  { ...FULL, name: "C2", what: "always dense captions", dense: 1 },
];

/** Runs that must come out as they are known to. */
export const CONTROLS: readonly Design[] = [
  { ...FULL, name: "shuffled", what: "FULL on captions of other pictures", labels: "shuffled" },
  { ...FULL, name: "repeat", what: "FULL once more, with its first seed" },
];
