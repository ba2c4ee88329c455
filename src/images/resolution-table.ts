// Sizes of pictures in pixels, and their shapes: height over width.

/** A size of a table, with the shape that the table gives it, which is rounded. */
export interface TableSize {
  readonly ratio: number;
  readonly width: number;
  readonly height: number;
}

/** The sizes around a square one, by increasing ratio. */
export interface SizeTable {
  /** All that PixArt was trained on. */
  readonly trained: readonly TableSize[];
  /** Those that its pipelines draw. */
  readonly drawn: readonly TableSize[];
}

/** A trained size at 1024 px: height over width, height, width. */
type ResolutionBin = readonly [ratio: number, height: number, width: number];

/**
 * Height over width, height and width of the pictures that PixArt at 1024 px was trained on
 * (diffusers, pipelines/pixart_alpha/pipeline_pixart_alpha.py ASPECT_RATIO_1024_BIN).
 */
const bins1024: readonly ResolutionBin[] = [
  [0.25, 512, 2048],
  [0.28, 512, 1856],
  [0.32, 576, 1792],
  [0.33, 576, 1728],
  [0.35, 576, 1664],
  [0.4, 640, 1600],
  [0.42, 640, 1536],
  [0.48, 704, 1472],
  [0.5, 704, 1408],
  [0.52, 704, 1344],
  [0.57, 768, 1344],
  [0.6, 768, 1280],
  [0.68, 832, 1216],
  [0.72, 832, 1152],
  [0.78, 896, 1152],
  [0.82, 896, 1088],
  [0.88, 960, 1088],
  [0.94, 960, 1024],
  [1, 1024, 1024],
  [1.07, 1024, 960],
  [1.13, 1088, 960],
  [1.21, 1088, 896],
  [1.29, 1152, 896],
  [1.38, 1152, 832],
  [1.46, 1216, 832],
  [1.67, 1280, 768],
  [1.75, 1344, 768],
  [2, 1408, 704],
  [2.09, 1472, 704],
  [2.4, 1536, 640],
  [2.5, 1600, 640],
  [3, 1728, 576],
  [4, 2048, 512],
];

/**
 * Additional bins of training, and of PixArt-Σ's pipeline at 2048 px (pipeline_pixart_sigma.py ASPECT_RATIO_2048_BIN), in the
 * same units.
 */
const wideBins: readonly ResolutionBin[] = [
  [0.26, 512, 1984],
  [0.27, 512, 1920],
  [2.89, 1664, 576],
  [3.11, 1792, 576],
  [3.62, 1856, 512],
  [3.75, 1920, 512],
  [3.88, 1984, 512],
];
/** The 40 sizes of training (PixArt-alpha, diffusion/data/datasets/utils.py ASPECT_RATIO_1024), by ratio. */
const allBins1024: readonly ResolutionBin[] = [...bins1024, ...wideBins].toSorted(
  ([a], [b]) => a - b,
);

/**
 * The 40 sizes of pictures of 2880 px, which are not multiples of the others (PixArt-sigma, diffusion/data/datasets/utils.py
 * ASPECT_RATIO_2880).
 */
const bins2880: readonly ResolutionBin[] = [
  [0.25, 1408, 5760],
  [0.26, 1408, 5568],
  [0.27, 1408, 5376],
  [0.28, 1408, 5184],
  [0.32, 1600, 4992],
  [0.33, 1600, 4800],
  [0.34, 1600, 4672],
  [0.4, 1792, 4480],
  [0.42, 1792, 4288],
  [0.47, 1920, 4096],
  [0.49, 1920, 3904],
  [0.51, 1920, 3776],
  [0.55, 2112, 3840],
  [0.59, 2112, 3584],
  [0.68, 2304, 3392],
  [0.72, 2304, 3200],
  [0.78, 2496, 3200],
  [0.83, 2496, 3008],
  [0.89, 2688, 3008],
  [0.93, 2688, 2880],
  [1, 2880, 2880],
  [1.07, 2880, 2688],
  [1.12, 3008, 2688],
  [1.21, 3008, 2496],
  [1.28, 3200, 2496],
  [1.39, 3200, 2304],
  [1.47, 3392, 2304],
  [1.7, 3584, 2112],
  [1.82, 3840, 2112],
  [2.03, 3904, 1920],
  [2.13, 4096, 1920],
  [2.39, 4288, 1792],
  [2.5, 4480, 1792],
  [2.92, 4672, 1600],
  [3, 4800, 1600],
  [3.12, 4992, 1600],
  [3.68, 5184, 1408],
  [3.82, 5376, 1408],
  [3.95, 5568, 1408],
  [4, 5760, 1408],
];

function table(trained: readonly ResolutionBin[], scale: number, drawn = trained): SizeTable {
  const scaled = (bins: readonly ResolutionBin[]): TableSize[] =>
    bins.map(([ratio, height, width]) => ({ ratio, width: width * scale, height: height * scale }));
  return { trained: scaled(trained), drawn: scaled(drawn) };
}

/** By the side of the square size. */
export const SIZE_TABLES: ReadonlyMap<number, SizeTable> = new Map([
  [256, table(allBins1024, 1 / 4, bins1024)],
  [512, table(allBins1024, 1 / 2, bins1024)],
  [1024, table(allBins1024, 1, bins1024)],
  [2048, table(allBins1024, 2)],
  [2880, table(bins2880, 1)],
]);

/** Sides of the square sizes that PixArt has tables for. */
export const TABLE_SIDES: readonly number[] = [...SIZE_TABLES.keys()];

/** The size of the nearest shape among at least one; on a tie the first, as in PixArt's `get_closest_ratio`. */
export function nearestShape<S extends Pick<TableSize, "ratio">>(
  { width, height }: { readonly width: number; readonly height: number },
  sizes: readonly S[],
): S {
  const ratio = height / width;
  return sizes.reduce((best, size) =>
    Math.abs(size.ratio - ratio) < Math.abs(best.ratio - ratio) ? size : best,
  );
}
