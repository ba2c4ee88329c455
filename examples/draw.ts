// Draws one picture with a published model: npx tsx examples/draw.ts [model] [prompt] [file.png]
import { PixArtAlphaPipeline } from "pixart";

const [model = "emoji-demo", prompt = "a red apple, noto style", file = "picture.png"] =
  process.argv.slice(2);

const pipe = await PixArtAlphaPipeline.fromPretrained(model); // a folder, or a name
const { images } = await pipe(prompt, {
  numInferenceSteps: 20,
  seed: 0, // the same one draws the same picture
});
await images[0]?.save(file); // a PNG that remembers prompt, seed, steps and model
console.log(file);
