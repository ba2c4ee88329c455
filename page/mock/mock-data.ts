import type {
  DataPicture,
  DataReport,
  DrawModel,
  StartPlan,
  Starts,
  SystemState,
} from "../../src/studio/api-types.ts";
import { SUBJECTS } from "./mock-pictures.ts";

const SCHEDULERS = ["dpm-solver++", "unipc", "euler", "ddim"];

const checkpointModel = (step: number): DrawModel => ({
  id: `r1-${step}`,
  label: `emoji_full at ${step}`,
  run: "r1",
  stage: "alignment",
  step,
  resolution: 64,
  isLoading: false,
  steps: 20,
  guidanceScale: 4.5,
  schedulers: SCHEDULERS,
  adapters: [],
});

/** What can be drawn with. */
export const mockModels: readonly DrawModel[] = [
  {
    id: "emoji-demo",
    label: "emoji-demo",
    run: null,
    stage: null,
    step: null,
    resolution: 64,
    isLoading: false,
    steps: 20,
    guidanceScale: 4.5,
    schedulers: SCHEDULERS,
    adapters: ["noto-lora", "pencil"],
  },
  ...[1200, 1000, 800, 400].map(checkpointModel),
];

const dataPicture = (place: number, more: Partial<DataPicture> = {}): DataPicture => ({
  name: `${SUBJECTS[place % SUBJECTS.length]?.[0]}.png`,
  url: `/api/thumb/picture-${place % SUBJECTS.length}-10`,
  width: 512,
  height: 512,
  caption: SUBJECTS[place % SUBJECTS.length]?.[1] ?? "",
  cut: null,
  ...more,
});

/** What a folder holds. */
export const mockReport: DataReport = {
  folder: "/home/ada/pictures/grandfather",
  base: "PixArt-XL-2-512x512",
  resolution: 512,
  pictures: 214,
  captioned: 198,
  cut: 3,
  totals: { unreadable: 1, tooSmall: 1, doubles: 1 },
  unreadable: [{ name: "IMG_0231.jpg", reason: "it ends in the middle" }],
  tooSmall: [dataPicture(3, { width: 180, height: 140 })],
  doubles: [[dataPicture(1), dataPicture(1, { name: "fox (copy).png" })]],
  shapes: [
    { width: 512, height: 512, pictures: 121 },
    { width: 448, height: 576, pictures: 58 },
    { width: 576, height: 448, pictures: 35 },
  ],
  shown: Array.from({ length: 12 }, (_, place) =>
    dataPicture(
      place,
      place === 2 ? { cut: "with a small flag at the mast, painted in 1962" } : {},
    ),
  ),
};

export const mockStarts: Starts = {
  bases: [
    {
      name: "PixArt-XL-2-512x512",
      text: "the released model; 512 px; needs 10 GB",
      resolution: 512,
    },
    { name: "emoji-small", text: "comes with the package; 64 px; any machine", resolution: 64 },
  ],
  recipes: [{ name: "emoji_full", text: "all emoji, three stages" }],
  goals: [
    { goal: "style", title: "My style", text: "New pictures that look as yours do." },
    { goal: "subject", title: "One thing", text: "A pet, a person, a product, in any scene." },
    { goal: "full", title: "The whole model", text: "Everything is trained. Wants many pictures." },
  ],
  dataRoots: ["/home/ada/pictures", "/data/photos"],
};

export const mockPlan: StartPlan = {
  lines: [
    "LoRA of rank 16 on emoji-small",
    "214 pictures, 5 shapes, 8 a step",
    "1,900 steps, 71 epochs, samples every 100 steps",
  ],
  memoryBytes: 2_100_000_000,
  diskBytes: 310_000_000,
  seconds: 3480,
  steps: 1900,
  problems: [],
  warnings: ["3 pictures have no caption and are left out"],
  command: "npx pixart train finetune_lora --data /home/ada/pictures/grandfather --minutes 60",
};

export const mockSystem: SystemState = {
  version: "0.1.0",
  node: "20.20.2",
  processor: "AMD Ryzen 5 5600G",
  cores: 12,
  memory: { total: 32e9, free: 19.4e9, server: 118e6 },
  disk: [{ path: "/home/ada/emoji/work_dirs", free: 41e9, total: 500e9 }],
  models: [
    { id: "emoji-demo", name: "emoji-demo", isLoaded: true, bytes: 62e6 },
    { id: "r1-1200", name: "emoji_full at 1200", isLoaded: false, bytes: null },
  ],
  queue: [{ id: "job_1", prompt: "a fox, noto style", state: "running", step: 7, steps: 20 }],
  otherJobs: 0,
  doctor: "pixart 0.1.0\nnode 20.20.2\nlibtorch 2.13.0\nprocessor AMD Ryzen 5 5600G, AVX2",
};
