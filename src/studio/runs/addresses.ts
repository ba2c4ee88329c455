import { createHash } from "node:crypto";

interface Placed {
  readonly stage: string;
  readonly step: number;
}

const samplesOf = (id: string, { stage, step }: Placed): string =>
  `/api/runs/${id}/samples/${encodeURIComponent(stage)}/${step}`;

/** Where a run's sample sheet is served. */
export const sheetAddress = (id: string, sample: Placed): string =>
  `${samplesOf(id, sample)}/sheet`;

/** Where one of its pictures is. */
export const pictureAddress = (id: string, sample: Placed, index: number): string =>
  `${samplesOf(id, sample)}/${index}`;

/** What a picture of a data set is called in addresses: its name may be a path. */
export const pictureKey = (file: string): string =>
  createHash("sha256").update(file).digest("base64url").slice(0, 16);

/** Where a training picture of a run is served. */
export const trainingPictureAddress = (id: string, file: string): string =>
  `/api/runs/${id}/pictures/${pictureKey(file)}`;

/** Where a picture of a data set that was checked is served. */
export const checkedPictureAddress = (job: string, file: string): string =>
  `/api/jobs/${job}/pictures/${pictureKey(file)}`;
