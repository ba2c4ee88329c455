import { createHash } from "node:crypto";

interface Placed {
  readonly stage: string;
  readonly step: number;
}

const samplesOf = (id: string, { stage, step }: Placed): string =>
  `/api/runs/${id}/samples/${encodeURIComponent(stage)}/${step}`;

/** URL of a run's sample sheet. */
export const sheetAddress = (id: string, sample: Placed): string =>
  `${samplesOf(id, sample)}/sheet`;

/** URL of one of its pictures. */
export const pictureAddress = (id: string, sample: Placed, index: number): string =>
  `${samplesOf(id, sample)}/${index}`;

/** URL key of a data set's picture, whose name may be a path. */
export const pictureKey = (file: string): string =>
  createHash("sha256").update(file).digest("base64url").slice(0, 16);

/** URL of a run's training picture. */
export const trainingPictureAddress = (id: string, file: string): string =>
  `/api/runs/${id}/pictures/${pictureKey(file)}`;

/** URL of a picture of a checked data set. */
export const checkedPictureAddress = (job: string, file: string): string =>
  `/api/jobs/${job}/pictures/${pictureKey(file)}`;
