/** An adapter and its strength. */
export interface AdapterChoice {
  readonly name: string;
  readonly scale: number;
}

/** The form's values. Null or empty means the model's default. */
export interface DrawForm {
  readonly model: string;
  readonly prompt: string;
  readonly negative: string;
  readonly seed: number;
  /** Draws with this seed; otherwise with a new one each time. */
  readonly keepsSeed: boolean;
  readonly count: number;
  readonly steps: number | null;
  readonly guidance: number | null;
  /** `512x512` */
  readonly size: string;
  readonly scheduler: string;
  readonly adapters: readonly AdapterChoice[];
  /** How much of a start picture is redrawn, above 0 to 1. */
  readonly strength: number;
}

export const EMPTY_FORM: DrawForm = {
  model: "",
  prompt: "",
  negative: "",
  seed: 7,
  keepsSeed: false,
  count: 4,
  steps: null,
  guidance: null,
  size: "",
  scheduler: "",
  adapters: [],
  strength: 0.6,
};

/** Range of seeds that are easy to read and to say. */
const SEEDS = 1_000_000;

/** A random seed. */
export const newSeed = (random: () => number = Math.random): number => Math.floor(random() * SEEDS);
