import { resolveModel } from "../../src/hub/index.ts";

// A process of its own that looks a model up and says where it is.
const [name = "", files = "[]"] = process.argv.slice(2);
process.stdout.write("\n");
process.stdout.write(await resolveModel(name, { files: JSON.parse(files) }));
