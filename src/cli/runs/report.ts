import { join } from "node:path";
import { replaceFile } from "../../files/replace-file.ts";
import { runReport } from "../../studio/report/run-report.ts";
import { printResult } from "../terminal/output.ts";

/** Options of `pixart report`. */
export interface ReportCommandOptions {
  readonly out?: string;
}

/** `pixart report RUN` */
export async function reportCommand(run: string, { out }: ReportCommandOptions): Promise<void> {
  const file = out ?? join(run, "report.html");
  await replaceFile(file, [Buffer.from(await runReport(run))]);
  printResult(file);
}
