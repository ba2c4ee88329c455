import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { TWENTIETHS } from "./design.ts";

/** What all runs of a lab, or of a speedrun, share; runs of other options go to another folder. */
export interface LabOptions {
  /** What `pixart dataset emoji` made. */
  readonly data: string;
  /** The autoencoder's folder. */
  readonly vae: string;
  /** How many things are learned, or the demo's. */
  readonly things: number | "demo";
  /** TFLOP a run. */
  readonly budget: number;
  readonly lr: number;
  readonly precision: "float32" | "bfloat16";
  /** A run's. */
  readonly threads: number;
  /** How often a run is measured, at equal distances: a divisor of {@link TWENTIETHS}. */
  readonly points: number;
  /** The pairs that curves are measured on: those that settings are chosen on where they serve for that. */
  readonly split: "heldout" | "validation";
  /** The file of a network that sees what is in pictures; null does not ask it. */
  readonly features: string | null;
}

/** Keeps the options in a lab's folder. Throws where that holds another lab's, and where points would not lie at equal distances. */
export function keepOptions(folder: string, options: LabOptions): void {
  if (!Number.isInteger(TWENTIETHS / options.points))
    throw new Error(`Expected a divisor of ${TWENTIETHS} points but received ${options.points}`);
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "lab.json");
  const text = `${JSON.stringify(options, null, 2)}\n`;
  if (!existsSync(path)) writeFileSync(path, text);
  const found = readFileSync(path, "utf8");
  if (found !== text)
    throw new Error(
      `Expected a new folder for a lab with ${JSON.stringify(options)}, or its own, but received ${resolve(folder)}, whose lab.json says: ${found}`,
    );
}

/** The options of a lab's folder. */
export function readOptions(folder: string): LabOptions {
  const path = join(folder, "lab.json");
  if (!existsSync(path)) throw new Error(`Expected the folder of a lab but received ${folder}`);
  return JSON.parse(readFileSync(path, "utf8"));
}
