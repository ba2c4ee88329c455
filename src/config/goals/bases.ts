/** A released model that fine-tuning can start from. */
export interface ReleasedBase {
  /** Name on the Hub. */
  readonly name: string;
  readonly text: string;
  /** Side in pixels that it was trained for. */
  readonly resolution: number;
}

export const RELEASED_BASES: readonly ReleasedBase[] = [
  {
    name: "PixArt-alpha/PixArt-XL-2-512x512",
    text: "PixArt-α at 512 px, 600 million weights and a text encoder of 4.8 billion: 22 GB to download, a GPU to train on",
    resolution: 512,
  },
  {
    name: "PixArt-alpha/PixArt-XL-2-1024-MS",
    text: "PixArt-α at 1024 px: the same at four times the pixels",
    resolution: 1024,
  },
];
