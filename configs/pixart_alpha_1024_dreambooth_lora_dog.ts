import { defineConfig } from "pixart/config";
import { dogExample } from "./bases/diffengine.ts";

/** DreamBooth with LoRA on five pictures of a dog, as diffengine's recipe of this name. */
export default defineConfig(dogExample);
