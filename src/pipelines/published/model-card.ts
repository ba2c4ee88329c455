import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { shellWord } from "../../files/processes/shell-word.ts";
import { replaceFile } from "../../files/replace-file.ts";
import { isRepositoryName } from "../../hub/index.ts";
import { areUsual, SAMPLING_DEFAULTS, type SamplingDefaults } from "../sampling-defaults.ts";

/** The content of a published folder's `README.md`, as the Hub shows it. */
export interface ModelCard {
  /** What was published: a whole pipeline, single components, adapters in PEFT's layout, or a ControlNet. */
  readonly kind: "pipeline" | "components" | "adapter" | "controlnet";
  /** For single components: the names of their folders. */
  readonly components?: readonly string[];
  readonly title: string;
  /** diffusers' class of the pipeline. */
  readonly className: string;
  /** A name on the Hub, or a folder, that training started from; null if it started from new weights. */
  readonly base: string | null;
  /** The config's name. */
  readonly recipe: string;
  /** A name on the Hub, or a folder. */
  readonly dataset: string;
  /** Which weights, and how long they were trained. */
  readonly training: string;
  /** Prompts that the run sampled. */
  readonly prompts: readonly string[];
  /** Whether diffusers has a resolution table for it. */
  readonly hasResolutionBins: boolean;
  /** Of the pipeline; Python has to be told of those that are not usual. */
  readonly defaults?: SamplingDefaults;
}

/**
 * Whether others can resolve a place. Folders on this disk, which may look like Hub names as `data/emoji` does, are shown by
 * their last part alone.
 */
const isOnHub = (place: string): boolean => isRepositoryName(place) && !existsSync(place);

const shown = (place: string): string =>
  isOnHub(place) ? `[${place}](https://huggingface.co/${place})` : `\`${basename(place)}\``;

/** Writes a card as the `README.md` of a folder. */
export const writeModelCard = (folder: string, card: ModelCard): Promise<void> =>
  replaceFile(join(folder, "README.md"), [Buffer.from(modelCard(card))]);

/** The text of a card: Markdown below the fields that the Hub reads. JSON's strings are YAML's too. */
export function modelCard(card: ModelCard): string {
  const { kind, title, base, recipe, dataset, training, prompts } = card;
  const isAdapter = kind === "adapter";
  const fields = [
    `library_name: ${isAdapter ? "peft" : "diffusers"}`,
    "pipeline_tag: text-to-image",
    ...(base !== null && isOnHub(base)
      ? [`base_model: ${base}`, `base_model_relation: ${isAdapter ? "adapter" : "finetune"}`]
      : []),
    "tags:\n- pixart\n- text-to-image",
  ];
  const [prompt = ""] = prompts;
  return `---
${fields.join("\n")}
---

# ${title}

${training}, by pixart's recipe \`${recipe}\`.

- Base: ${base === null ? "none, all weights are new" : shown(base)}
- Data: ${shown(dataset)}
- Licence: to be named here; those of the base and of the data count

${use(card, prompt)}${
  prompts.length === 0
    ? ""
    : `
Prompts that training was watched with:

${[...new Set(prompts)].map((each) => `- ${each || "(none)"}`).join("\n")}
`
}`;
}

/** How it is loaded; FOLDER stands for its location. */
function use(card: ModelCard, prompt: string): string {
  const { kind, className, base, components = [] } = card;
  const text = JSON.stringify(prompt);
  const word = shellWord(prompt);
  const place = base === null ? "MODEL" : shellWord(isOnHub(base) ? base : basename(base));
  switch (kind) {
    case "pipeline":
      return fenced(
        "python",
        "import torch",
        `from diffusers import ${className}`,
        "",
        `pipe = ${className}.from_pretrained("FOLDER", torch_dtype=torch.float32)`,
        `image = pipe(${[text, ...callOptions(card)].join(", ")}).images[0]`,
      ).concat("\n", fenced("sh", `npx pixart sample FOLDER ${word}`));
    case "components":
      return fenced("python", ...components.flatMap(loading));
    case "adapter":
      return fenced("sh", `npx pixart sample ${place} ${word} --lora FOLDER`);
    case "controlnet":
      return fenced(
        "sh",
        `npx pixart sample ${place} ${word} --controlnet FOLDER --control-image PICTURE`,
      );
  }
}

/** What Python's call needs, to draw the same picture. */
const callOptions = ({ hasResolutionBins, defaults = SAMPLING_DEFAULTS }: ModelCard): string[] => [
  ...(areUsual(defaults)
    ? []
    : [
        `num_inference_steps=${defaults.numInferenceSteps}`,
        `guidance_scale=${defaults.guidanceScale}`,
      ]),
  ...(hasResolutionBins ? [] : ["use_resolution_binning=False"]),
  "clean_caption=False",
];

const CLASSES: Readonly<Record<string, readonly [library: string, className: string]>> = {
  transformer: ["diffusers", "PixArtTransformer2DModel"],
  vae: ["diffusers", "AutoencoderKL"],
  text_encoder: ["transformers", "T5EncoderModel"],
};

/** How Python loads one component. */
function loading(component: string): string[] {
  const [library, className] = CLASSES[component] ?? [];
  return [
    `from ${library} import ${className}`,
    `${component} = ${className}.from_pretrained("FOLDER", subfolder="${component}")`,
  ];
}

const fenced = (language: string, ...lines: readonly string[]): string =>
  `\`\`\`${language}\n${lines.join("\n")}\n\`\`\`\n`;
