import { escaped } from "../../images/escaped.ts";
import { formatDuration } from "../../training/progress/quantities.ts";
import type { RunDetails } from "../api-types.ts";

/** A sample sheet in the report. */
export interface ReportSheet {
  readonly stage: string;
  readonly step: number;
  /** A `data:` URL. */
  readonly url: string;
}

/** A stage in the report. */
export interface ReportStage {
  readonly name: string;
  /** As SVG. */
  readonly charts: readonly string[];
  readonly sheets: readonly ReportSheet[];
}

const STYLE = `:root{color-scheme:light dark;--ink:light-dark(#1c1c1e,#ececee);--paper:light-dark(#fff,#161618);--pale:light-dark(#8884,#8886)}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:var(--ink);background:var(--paper)}
table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--pale)}
figure{margin:1rem 0}figcaption{font-weight:600}figcaption span{font-weight:400;margin-left:.8rem}
svg{width:100%;height:auto}text{font:11px system-ui,sans-serif;fill:currentColor}polyline{fill:none;stroke-width:1.5}
.grid{stroke:var(--pale)}polyline.step{stroke:#8a8a8e}span.step{color:#8a8a8e}polyline.train{stroke:#c77700}span.train{color:#c77700}
polyline.heldout{stroke:#0a66c2;stroke-width:2.5}span.heldout{color:#0a66c2}
img{max-width:100%;border-radius:4px}pre{overflow:auto;font-size:.85rem;border:1px solid var(--pale);padding:1rem}`;

/** The HTML page of a report. */
export function reportPage(run: RunDetails, stages: readonly ReportStage[]): string {
  const parts = stages.map(
    ({ name, charts, sheets }) =>
      `<h2>${escaped(name)}</h2>${charts.join("")}${sheets
        .map(
          ({ step, url }) =>
            `<figure><figcaption>After step ${step}</figcaption><img alt="Samples after step ${step}" src="${url}"></figure>`,
        )
        .join("")}`,
  );
  const config = escaped(JSON.stringify(run.config, null, 2));
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="content-security-policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${escaped(run.name)}</title><style>${STYLE}</style></head><body>
<h1>${escaped(run.name)}</h1><p>${escaped(run.verdict)}</p>
${table([["", ""], ...summary(run)])}
${table([["stage", "step", "loss", "held out", "lowest held out", "images/s"], ...run.all.map(stageRow)])}
${parts.join("\n")}
${differences(run)}
<h2>Config</h2><pre>${config}</pre></body></html>
`;
}

function summary({ state, message, begun, ended, time, facts }: RunDetails): string[][] {
  const seconds = time.reduce((sum, each) => sum + each.seconds, 0);
  const versions = Object.entries(facts?.versions ?? {}).map((pair) => pair.join(" "));
  return [
    ["state", message === null ? state : `${state}: ${message}`],
    ["started", begun ?? "-"],
    ["ended", ended ?? "-"],
    ["time", formatDuration(seconds)],
    ...(facts === null ? [] : [["device", `${facts.device}, ${facts.threads} threads`]]),
    ...(versions.length === 0 ? [] : [["versions", versions.join(", ")]]),
  ];
}

const stageRow = ({
  stage,
  step,
  steps,
  loss,
  heldout,
  lowestHeldout,
  imagesPerSecond,
}: RunDetails["all"][number]): string[] => [
  stage,
  `${step}/${steps}`,
  shown(loss),
  shown(heldout?.loss),
  lowestHeldout === null ? "-" : `${shown(lowestHeldout.loss)} at ${lowestHeldout.step}`,
  shown(imagesPerSecond),
];

const shown = (value: number | null | undefined): string =>
  value === null || value === undefined ? "-" : String(Number(value.toPrecision(4)));

function differences({ differences: all }: RunDetails): string {
  if (all.length === 0) return "";
  const rows = all.map(({ path, from, to }) => [path, JSON.stringify(from), JSON.stringify(to)]);
  return `<h2>What differs from the recipe</h2>${table([["place", "recipe", "run"], ...rows])}`;
}

function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join("")}</tr>`;
  const title = head.some((cell) => cell !== "") ? row(head, "th") : "";
  return `<table>${title}${rows.map((cells) => row(cells, "td")).join("")}</table>`;
}
