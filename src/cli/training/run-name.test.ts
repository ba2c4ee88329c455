import { expect, it } from "vitest";
import { runNameOf } from "./run-name.ts";

it.each([
  ["data/My Cat_2", "my-cat-2"],
  ["/data/猫の写真/", "猫の写真"],
  ["Мои картинки", "мои-картинки"],
  ["E\u0301te\u0301!", "été"],
  ["हिन्दी", "हिन्दी"],
  ["--", "pictures"],
])("of the folder %s is %s", (folder, name) => expect(runNameOf(folder)).toBe(name));
