import {
  type CaptionPlan,
  type CaptionReport,
  captionDataset,
} from "../../curation/caption-dataset.ts";
import { ChatEndpoint } from "../../curation/chat-endpoint.ts";
import { endpointAddress, keyFrom, shownAddress } from "../../curation/endpoint-address.ts";
import { heedNohup } from "../../distributed/stop-signals.ts";
import { printResult } from "../terminal/output.ts";
import { PictureProgress } from "../terminal/picture-progress.ts";
import { say } from "../terminal/talk.ts";
import { UsageError } from "../terminal/usage-error.ts";
import { type ReadOptions, readOptions } from "./dataset-check.ts";

/** Options of `pixart caption`. */
export interface CaptionOptions extends Omit<ReadOptions, "instancePrompt"> {
  readonly endpoint: string;
  readonly model: string;
  readonly apiKeyEnv?: string;
  readonly prompt: string;
  readonly concurrency: number;
  readonly budget?: number;
  readonly tokenBudget?: number;
  readonly maxTokens: number;
  readonly maxSide: number;
  readonly timeout: number;
  readonly body?: string;
  readonly out?: string;
  readonly journal?: string;
  readonly overwrite?: boolean;
  readonly sheet?: string;
  readonly json?: boolean;
}

const EXIT = { done: 0, failed: 1, budget: 75, interrupted: 130 } as const;

/**
 * `pixart caption LOCATION`; exit status 0 if every picture has a dense caption, 1 if some failed or the run could not continue,
 * 75 if the budget ended it, 130 after Ctrl+C.
 */
export async function captionCommand(location: string, options: CaptionOptions): Promise<void> {
  const { apiKeyEnv, maxTokens, timeout, body, json } = options;
  const endpoint = new ChatEndpoint({
    url: options.endpoint,
    model: options.model,
    apiKey: apiKeyEnv === undefined ? undefined : keyFrom(apiKeyEnv),
    maxTokens,
    timeoutSeconds: timeout,
    body: body === undefined ? undefined : bodyFields(body),
  });
  using interrupt = new Interrupt();
  using progress = new PictureProgress("Captioning");
  const report = await captionDataset(location, endpoint, {
    ...options,
    read: readOptions(options),
    maxRequests: options.budget,
    maxTotalTokens: options.tokenBudget,
    signal: interrupt.signal,
    onWait: () => say("Another process is captioning with the same journal: waiting for it"),
    onPlan: (plan) => say(describePlan(plan, options)),
    onProgress: (done, total) => progress.update(done, total),
  });
  for (const { path, reason } of report.failures) say(`No caption for ${path}: ${reason}`);
  const stopped = report.stopped instanceof Error ? report.stopped.message : report.stopped;
  if (json) printResult(JSON.stringify({ ...report, stopped: stopped ?? null }));
  else if (report.result !== null) printResult(report.result);
  for (const line of describeReport(report)) say(line);
  if (options.sheet !== undefined) say(`Raw and dense captions side by side: ${options.sheet}`);
  process.exitCode = exitCode(report);
}

function bodyFields(json: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    value = undefined;
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new UsageError(`Expected a JSON object for --body but received ${json}`);
}

function describePlan(
  { pictures, haveOne, inJournal, wanted, otherAnswers }: CaptionPlan,
  { endpoint, model, concurrency, overwrite }: CaptionOptions,
): string {
  const notes = [
    ...(haveOne > 0 ? [`${haveOne} have a dense caption (--overwrite asks for them too)`] : []),
    ...(inJournal > 0
      ? [
          overwrite
            ? `${inJournal} have an answer in the journal since this overwrite began (another --journal asks for all)`
            : `${inJournal} have an answer in the journal`,
        ]
      : []),
    ...(otherAnswers > 0 ? [`${otherAnswers} answers there are from another model or prompt`] : []),
  ];
  const where = shownAddress(endpointAddress(endpoint));
  return [
    `Asking ${model} at ${where} for ${wanted} of ${pictures} pictures, ${concurrency} at once`,
    ...notes,
  ].join("; ");
}

function describeReport(report: CaptionReport): string[] {
  const { answered, requests, tokens, cut, left, stopped, result, failures, journal } = report;
  const spent = tokens > 0 ? `${requests} requests, ${tokens} tokens` : `${requests} requests`;
  const lines = [
    `${answered} captions in ${spent}; ${failures.length} pictures failed, ${left} were not asked for`,
  ];
  if (cut > 0) lines.push(`${cut} captions ended at the token limit: see --max-tokens`);
  if (stopped === "budget")
    lines.push("Stopped at the budget; run the same command again to continue");
  if (stopped === "interrupted") lines.push("Interrupted; run the same command again to continue");
  if (stopped instanceof Error) lines.push(`Stopped: ${stopped.message}`);
  if (result === null) lines.push(`Nothing was written yet; the answers so far are in ${journal}`);
  return lines;
}

function exitCode({ stopped, failures }: CaptionReport): number {
  if (stopped === "interrupted") return EXIT.interrupted;
  if (stopped instanceof Error || failures.length > 0) return EXIT.failed;
  return stopped === "budget" ? EXIT.budget : EXIT.done;
}

/** The first Ctrl+C, SIGTERM or SIGHUP ends the run with the answers so far; the next one ends the process. */
class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #signals = heedNohup();

  constructor() {
    for (const signal of this.#signals) process.once(signal, this.#stop);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const signal of this.#signals) process.off(signal, this.#stop);
  }

  readonly #stop = (): void => {
    say("Stopping: the captions received so far are kept. Press Ctrl+C again to stop at once.");
    this.#controller.abort();
  };
}
