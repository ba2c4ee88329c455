// A made-up studio to look at while the page is worked on: npm run build, then npx tsx page/mock-server.ts [empty|view]
import { startMock } from "./mock/start-mock.ts";

const PORT = 7470;
const STEP_MS = 760;

const mode = process.argv[2];
const mock = await startMock({ isEmpty: mode === "empty", isViewOnly: mode === "view" }, PORT);
setInterval(mock.step, STEP_MS);
console.error(`The made-up studio is at ${mock.url}/`);
