/** Resizes a picture and has nothing else to do: the process lives until it is done, and ends then. */
import { RgbImage } from "../../src/images/index.ts";

const { width, height } = await RgbImage.filled(300, 200, [1, 2, 3]).resize(1024, 512);
console.log(`${width}x${height}`);
