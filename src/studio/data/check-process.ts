import { setPriority } from "node:os";
import { checkDataset } from "../../data/check-dataset.ts";
import { readDataset } from "../../data/read-dataset.ts";
import { T5Tokenizer } from "../../text/index.ts";
import type { CheckMessage, CheckOrder } from "./check-messages.ts";
import { dataReport } from "./data-report.ts";

// Process that the studio forks to check a data set: decoding and comparing thousands of pictures would block the server.

const NICENESS = 10;
/** PixArt-α's limit. */
const MOST_TOKENS = 120;

const tell = (message: CheckMessage): void => void process.send?.(message);

async function check(order: CheckOrder): Promise<void> {
  const { folder, within, size, tokenizer } = order;
  const dataset = await readDataset(folder, { within, acceptUncaptioned: true });
  const checked = await checkDataset(dataset, {
    size,
    batch: 1,
    maxLength: MOST_TOKENS,
    tokenizer: tokenizer === undefined ? undefined : await T5Tokenizer.fromPretrained(tokenizer),
    onProgress: (done, total) => tell({ type: "progress", done, total }),
  });
  tell({ type: "done", report: dataReport(order, dataset, checked) });
}

setPriority(NICENESS);
process.on("disconnect", () => process.exit());
process.once("message", (order: CheckOrder) => {
  check(order)
    .catch((error: unknown) =>
      tell({ type: "failed", message: error instanceof Error ? error.message : String(error) }),
    )
    .finally(() => process.disconnect());
});
