import { existsSync, readFileSync } from "node:fs";
import { captionLines } from "../../src/images/caption-lines.ts";
import type { Comparison } from "./compare.ts";
import { RunFiles } from "./run-files.ts";
import { embedded, figure, words } from "./svg.ts";

/** A strip in twice its size: eight pictures of 64 px, and gaps. */
const STRIP = { width: 1168, height: 160 } as const;
const LEFT = 130;
const TOP = 110;
const CELL = STRIP.width / 8;

/** The same held-out captions by each arm, under the real pictures. */
export function stripFigure(folder: string, { arms, seeds: [seed = 0] }: Comparison): string {
  const of = (name: string): RunFiles => new RunFiles(folder, name, seed);
  const shown = arms.map(({ name }) => ({ name, path: of(name).strip }));
  const rows = [{ name: "real", path: of("FULL").real }, ...shown].filter((row) =>
    existsSync(row.path),
  );
  const { prompts = [] } = arms.find(({ name }) => name === "FULL")?.runs[0] ?? {};
  const captions = prompts.flatMap((prompt, i) =>
    captionLines(prompt, 10, 3).map((line, at) =>
      words(LEFT + (i + 0.5) * CELL, 64 + 16 * at, line, {
        "text-anchor": "middle",
        "font-size": 12,
      }),
    ),
  );
  const pictures = rows.map(({ name, path }, i) => {
    const top = TOP + i * (STRIP.height - 8);
    const box = { left: LEFT, top, right: LEFT + STRIP.width, bottom: top + STRIP.height };
    const label = words(LEFT - 14, top + STRIP.height / 2 + 5, name, {
      "text-anchor": "end",
      "font-weight": "bold",
    });
    return embedded(box, readFileSync(path)) + label;
  });
  const size = { width: LEFT + STRIP.width + 20, height: TOP + rows.length * 152 + 20 };
  const heading = "Held-out captions, drawn at the end of each variant's first seed";
  return figure(size, heading, captions.join("") + pictures.join(""));
}
