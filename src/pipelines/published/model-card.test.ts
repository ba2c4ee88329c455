import { describe, expect, it } from "vitest";
import { type ModelCard, modelCard } from "./model-card.ts";

const card: ModelCard = {
  kind: "pipeline",
  title: "my-model",
  className: "PixArtAlphaPipeline",
  base: "PixArt-alpha/PixArt-XL-2-1024-MS",
  recipe: "mine",
  dataset: "/home/somebody/pictures",
  training: 'The averaged (EMA) weights after 5 of 10 steps of the stage "finetune" at 64 px',
  prompts: ['a "red" apple', 'a "red" apple', ""],
  hasResolutionBins: false,
};

describe("modelCard", () => {
  it("names base and recipe, shows how to draw, and no folder of the machine it was made on", () => {
    expect(modelCard(card)).toBe(`---
library_name: diffusers
pipeline_tag: text-to-image
base_model: PixArt-alpha/PixArt-XL-2-1024-MS
base_model_relation: finetune
tags:
- pixart
- text-to-image
---

# my-model

The averaged (EMA) weights after 5 of 10 steps of the stage "finetune" at 64 px, by pixart's recipe \`mine\`.

- Base: [PixArt-alpha/PixArt-XL-2-1024-MS](https://huggingface.co/PixArt-alpha/PixArt-XL-2-1024-MS)
- Data: \`pictures\`
- Licence: to be named here; those of the base and of the data count

\`\`\`python
import torch
from diffusers import PixArtAlphaPipeline

pipe = PixArtAlphaPipeline.from_pretrained("FOLDER", torch_dtype=torch.float32)
image = pipe("a \\"red\\" apple", use_resolution_binning=False, clean_caption=False).images[0]
\`\`\`

\`\`\`sh
npx pixart sample FOLDER 'a "red" apple'
\`\`\`

Prompts that training was watched with:

- a "red" apple
- (none)
`);
  });

  it("tells Python of a model's own steps and guidance", () => {
    const defaults = { numInferenceSteps: 4, guidanceScale: 0 };
    const text = modelCard({ ...card, defaults });
    expect(text).toContain(
      'pipe("a \\"red\\" apple", num_inference_steps=4, guidance_scale=0, use_resolution_binning=False, clean_caption=False)',
    );
  });

  it("quotes a prompt in which a shell would see more than words", () => {
    const text = modelCard({ ...card, kind: "adapter", prompts: ["it's $5 `now`"] });
    expect(text).toContain("MS 'it'\\''s $5 `now`' --lora FOLDER");
  });

  it("links no folder that looks like a name on the Hub", () => {
    // Both are here, where tests run.
    const text = modelCard({ ...card, base: "models/emoji-small", dataset: "src/data" });
    expect(text).toContain("- Base: `emoji-small`\n- Data: `data`\n");
    expect(text).not.toMatch(/base_model|huggingface\.co/);
  });

  it("of an adapter is PEFT's, and names no base that is a folder", () => {
    const text = modelCard({ ...card, kind: "adapter", base: "/work/emoji-small", prompts: [] });
    expect(text).toContain("library_name: peft\npipeline_tag: text-to-image\ntags:");
    expect(text).toContain("npx pixart sample emoji-small '' --lora FOLDER");
    expect(text).not.toContain("/work");
    expect(modelCard({ ...card, kind: "components", components: ["vae"] })).toContain(
      'from diffusers import AutoencoderKL\nvae = AutoencoderKL.from_pretrained("FOLDER", subfolder="vae")\n',
    );
    expect(modelCard({ ...card, base: null })).toContain("- Base: none, all weights are new");
  });
});
