// Draws with a fine-tuned transformer and an autoencoder of its own, as the model's documentation does in Python:
// npx tsx examples/pokemon.ts CHECKPOINT [PIPELINE] [AUTOENCODER] [ADAPTER], each a folder or a name on the hub.
import { AutoencoderKL, PixArtAlphaPipeline, PixArtTransformer2DModel } from "pixart";
import { torch } from "pixart/torch";

const [
  checkpoint = "work_dirs/pixart_alpha_1024_pokemon_blip",
  pipeline = "PixArt-alpha/PixArt-XL-2-1024-MS",
  autoencoder = "stabilityai/sd-vae-ft-ema",
  adapter, // a folder that PEFT wrote
] = process.argv.slice(2);
const { SIZE = "1024", STEPS = "50" } = process.env;
const size = Number(SIZE);

const vae = await AutoencoderKL.fromPretrained(autoencoder);
const transformer = await PixArtTransformer2DModel.fromPretrained(checkpoint, {
  subfolder: "transformer",
});
if (adapter !== undefined) await transformer.loadAdapter(adapter);

const pipe = await PixArtAlphaPipeline.fromPretrained(pipeline, {
  vae,
  transformer,
  dtype: "float32",
});
const { images } = await pipe("yoda pokemon", {
  width: size,
  height: size,
  numInferenceSteps: Number(STEPS),
  generator: torch.generator(0),
});
await images[0]?.save("demo.png");
