import { shellWord } from "../../files/processes/shell-word.ts";

/** What continues as it was begun. */
export interface BegunRun {
  /** The config's name or file. */
  readonly config: string;
  readonly workDir: string;
  /** Default: as the config says. */
  readonly device: string | undefined;
  readonly gpus?: number;
  readonly maxRestarts?: number | undefined;
  /** Default: depends on the size of the models. */
  readonly rehearsal?: boolean | undefined;
}

/** The command that continues a run, for a shell. */
export const resumeCommandOf = ({
  config,
  workDir,
  device,
  gpus = 1,
  maxRestarts = 0,
  rehearsal,
}: BegunRun): string =>
  [
    "npx pixart train",
    shellWord(config),
    "--work-dir",
    shellWord(workDir),
    ...(gpus > 1 ? [`--gpus ${gpus}`] : []),
    ...(maxRestarts > 0 ? [`--max-restarts ${maxRestarts}`] : []),
    ...(device === undefined ? [] : [`--device ${shellWord(device)}`]),
    ...(rehearsal === undefined ? [] : [rehearsal ? "--rehearsal" : "--no-rehearsal"]),
    "--resume",
  ].join(" ");
