import { dirname, join } from "node:path";
import { makeFolder } from "../../files/make-folder.ts";
import { writeNewFile } from "../../files/new-file.ts";
import { formatPythonJson } from "../../files/reading/python-json.ts";
import { pictureSize } from "../../images/index.ts";
import { columnsWithCaptions } from "../layouts/several-captions.ts";
import { mapConcurrent } from "../map-concurrent.ts";
import type { DatasetWriter, WrittenPicture } from "./dataset-writer.ts";

/** PixArt's own layout, as written by its tools/convert_images_to_json.py: a list in `InternData`, pictures in `InternImgs`. */
export class PixArtJsonWriter implements DatasetWriter {
  readonly #folder: string;
  readonly #items: Record<string, unknown>[] = [];

  constructor(folder: string) {
    this.#folder = folder;
  }

  async add(pictures: readonly WrittenPicture[]): Promise<void> {
    const items = await mapConcurrent(pictures, pictures.length, async (picture) => {
      const { file, bytes, text } = picture;
      const path = join(this.#folder, "InternImgs", ...file.split("/"));
      await makeFolder(dirname(path));
      await writeNewFile(path, [bytes]);
      const { width, height } = await pictureSize(bytes, file);
      const { dense_text: dense, ...rest } = columnsWithCaptions(picture);
      return {
        ...rest,
        path: file,
        prompt: text,
        width,
        height,
        ratio: Number((height / width).toFixed(4)),
        sharegpt4v: typeof dense === "string" ? dense : "",
      };
    });
    this.#items.push(...items);
  }

  async finish(): Promise<void> {
    const path = join(this.#folder, "InternData", "data_info.json");
    await makeFolder(dirname(path));
    await writeNewFile(path, [Buffer.from(`${formatPythonJson(this.#items, " ")}\n`)]);
  }
}
