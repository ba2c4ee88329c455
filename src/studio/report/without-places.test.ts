import { expect, it } from "vitest";
import { pathsIn, withoutPlaces } from "./without-places.ts";

const places = {
  folders: ["/Users/Ada L/my runs/mine", "C:\\Users\\Ada L\\mine"],
  hosts: ["gpu1", "box.lab.example", ""],
};

it.each([
  ["/home/ada/pictures", "pictures"],
  ["/home/ada/pictures/", "pictures"],
  ["/home/ada/a b.parquet: it is damaged", "a b.parquet: it is damaged"],
  [
    "ENOENT: no such file or directory, open '/home/ada/my pictures/a.png'",
    "ENOENT: no such file or directory, open 'a.png'",
  ],
  [
    "Expected a folder but received /home/ada/x (ENOENT).",
    "Expected a folder but received x (ENOENT).",
  ],
  ["/Users/Ada L/my runs/mine/events.jsonl: full", "mine/events.jsonl: full"],
  ["/Users/Ada L/my runs/other", "…/other"],
  [
    "see file:///home/ada/x.html or https://host.example/a/b",
    "see x.html or https://host.example/a/b",
  ],
  ["C:\\Users\\ada\\x.png and D:/data/y", "x.png and y"],
  ["\\\\server\\share\\x", "x"],
  ["C:\\Users\\Ada L\\mine\\x", "mine\\x"],
  ["~/pictures/cats", "cats"],
  ["../../ada/cats", "cats"],
  ["process 7 on gpu1", "process 7 on a machine"],
  [
    "http://gpu1:80/x of gpu1.lab.example, box.lab.example",
    "http://a machine:80/x of a machine, a machine",
  ],
  ["gpu12, my-gpu1 and gpu1-2", "gpu12, my-gpu1 and gpu1-2"],
  ["PixArt-alpha/PixArt-XL-2-512x512", "PixArt-alpha/PixArt-XL-2-512x512"],
  ["84 images/s at 3/4, and/or / none", "84 images/s at 3/4, and/or / none"],
  ["data/emoji", "data/emoji"],
])("makes %j %j", (text, left) => {
  expect(withoutPlaces({ a: [text, 1, null] }, places)).toEqual({ a: [left, 1, null] });
});

it("finds the paths in a config", () => {
  const config = { name: "a/b", dataset: { folder: "/data/x" }, list: ["C:\\y", 1, null] };
  expect(pathsIn(config)).toEqual(["/data/x", "C:\\y"]);
});
