import { readFileSync } from "node:fs";
import { configFromJson } from "../config/index.ts";
import type { ProofRun } from "./prove-resume.ts";
import { train } from "./train.ts";

// One process of `proveResume`: trains, and kills itself at the given step, like a machine failure.
const { config, workDir, resume, killAfter } = JSON.parse(process.argv[2] ?? "") as ProofRun;
const { exitCode } = await train(
  { ...configFromJson(readFileSync(config, "utf8"), config), workDir },
  {
    resume,
    resumeCommand: "",
    say: (line) => process.stderr.write(`${line}\n`),
    rehearsal: false,
    onStep: ({ stage, step }) => {
      if (stage === killAfter?.stage && step === killAfter.step)
        process.kill(process.pid, "SIGKILL");
    },
  },
);
process.exitCode = exitCode;
