import GithubSlugger from "github-slugger";
import MarkdownIt from "markdown-it";

const markdown = new MarkdownIt({ html: true });

/** What a page has for others to link to, and what it links to itself. */
export interface Page {
  /** The anchors of its headings, as GitHub makes them. */
  readonly anchors: ReadonlySet<string>;
  /** Targets of links and pictures that lead to no other site: `training.md#caches`, `#caches`, `pictures/a.png`. */
  readonly links: readonly string[];
  /** Code that is said to be a file's: `<!-- examples/draw.ts -->`, and the block below. */
  readonly excerpts: readonly { readonly file: string; readonly code: string }[];
}

/** Reads a page of Markdown. */
export function parsePage(text: string): Page {
  const tokens = markdown.parse(text, {});
  const slugger = new GithubSlugger();
  const anchors = new Set<string>();
  const links: string[] = [];
  const excerpts: { file: string; code: string }[] = [];
  for (const [i, token] of tokens.entries()) {
    const [, file] = /^<!-- (\S+\/\S+) -->\s*$/.exec(token.content) ?? [];
    const below = tokens[i + 1];
    if (token.type === "html_block" && file !== undefined && below?.type === "fence")
      excerpts.push({ file, code: below.content });
    if (tokens[i - 1]?.type === "heading_open") {
      const words = (token.children ?? []).filter(({ type }) => /^(text|code_inline)$/.test(type));
      anchors.add(slugger.slug(words.map(({ content }) => content).join("")));
    }
    for (const { type, attrs, content } of [token, ...(token.children ?? [])]) {
      if (type === "link_open" || type === "image")
        for (const [name, value] of attrs ?? []) if (/^(href|src)$/.test(name)) links.push(value);
      if (type.startsWith("html"))
        for (const [, target = ""] of content.matchAll(/\b(?:href|src)="([^"]+)"/g))
          links.push(target);
    }
  }
  return { anchors, links: links.filter((target) => !/^[a-z]+:/i.test(target)), excerpts };
}
