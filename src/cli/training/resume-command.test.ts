import { expect, it } from "vitest";
import { resumeCommandOf } from "./resume-command.ts";

it("is one that a shell understands, with what the run was begun with", () => {
  const config = "my runs/x/recipe.json";
  expect(resumeCommandOf({ config, workDir: "my runs/x", device: undefined })).toBe(
    "npx pixart train 'my runs/x/recipe.json' --work-dir 'my runs/x' --resume",
  );
  const more = { device: "cuda:1", gpus: 2, maxRestarts: 3, rehearsal: false };
  expect(resumeCommandOf({ config: "tiny", workDir: "x", ...more })).toBe(
    "npx pixart train tiny --work-dir x --gpus 2 --max-restarts 3 --device 'cuda:1' --no-rehearsal --resume",
  );
});
