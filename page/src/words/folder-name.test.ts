import fc from "fast-check";
import { expect, it } from "vitest";
import { folderName } from "./folder-name.ts";

/** As in the server's start-request.ts. */
const VALID = /^[a-z0-9][a-z0-9._-]{0,62}$/i;

it.each([
  ["demo/run", "run"],
  ["/data/Meine Bilder/", "Meine-Bilder"],
  ["Été à Bâle (2026)", "Ete-a-Bale-2026"],
  ["写真", "pictures"],
  ["写真 2", "2"],
  [".hidden", "hidden"],
  ["cat", "cat"],
  ["/", "pictures"],
])("makes a name of %s", (path, name) => {
  expect(folderName(path, "pictures")).toBe(name);
});

it("makes one that the server accepts of everything", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.string({ minLength: 60 })), (path) =>
      VALID.test(folderName(path, "model")),
    ),
  );
});
