// Draws one picture with a published model: npx tsx examples/draw.ts [folder] [prompt] [file.png]
import { PixArtAlphaPipeline } from "pixart";
import { torch } from "pixart/torch";

const [folder = "models/emoji-demo", prompt = "a red apple, noto style", file = "picture.png"] =
  process.argv.slice(2);

const pipe = await PixArtAlphaPipeline.fromPretrained(folder);
const { images } = await pipe(prompt, {
  numInferenceSteps: 20,
  guidanceScale: 4.5,
  generator: torch.generator(0), // the seed: the same one draws the same picture
});
await images[0]?.save(file); // a PNG that remembers prompt, seed, steps and model
console.log(file);
