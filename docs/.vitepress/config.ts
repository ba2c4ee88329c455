import { cpSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { slug } from "github-slugger";
import { type DefaultTheme, defineConfig, type MarkdownRenderer } from "vitepress";

// The site is built from the pages where they lie, so that a link is the same on the site, in an editor and in the package.
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Files that are no pages and that pages link to, such as examples and the licence: copied as they are. */
const files = new Set<string>();

/** Opens links to such files in a tab of their own, since the site's router would look for a page of that name. */
function linkToFiles(markdown: MarkdownRenderer): void {
  markdown.core.ruler.push("files", ({ tokens, env }) => {
    for (const link of tokens.flatMap(({ children }) => children ?? [])) {
      const target = link.type === "link_open" ? link.attrGet("href") : null;
      if (target === null || /^(#|[a-z]+:)|\.md(#|$)/.test(target)) continue;
      const file = join(dirname(env.relativePath), target);
      if (!existsSync(join(ROOT, file)) || !statSync(join(ROOT, file)).isFile()) continue;
      files.add(file);
      link.attrSet("target", "_blank");
    }
  });
}

/** The order of docs/index.md: its headings, and under each the pages that it links to. */
function sidebar(): DefaultTheme.SidebarItem[] {
  const groups: { text: string; items: DefaultTheme.SidebarItem[] }[] = [];
  for (const line of readFileSync(join(ROOT, "docs", "index.md"), "utf8").split("\n")) {
    const [, heading] = /^## (.+)/.exec(line) ?? [];
    const [, text, page] = /^- \[(.+?)\]\((.+?)\.md\)/.exec(line) ?? [];
    if (heading !== undefined) groups.push({ text: heading, items: [] });
    if (text !== undefined && page !== undefined)
      groups.at(-1)?.items.push({ text, link: join("/docs", page) });
  }
  return groups;
}

export default defineConfig({
  title: "pixart",
  description:
    "PixArt-α in TypeScript: train, publish and sample text-to-image models from Node.js",
  srcDir: "..",
  outDir: "../dist-docs",
  cacheDir: "../node_modules/.cache/vitepress",
  srcExclude: "test native scripts build dist dist-docs work_dirs data coverage"
    .split(" ")
    .map((folder) => `${folder}/**`),
  rewrites: { "README.md": "index.md" },
  markdown: { anchor: { slugify: slug }, config: linkToFiles },
  buildEnd({ outDir }) {
    for (const file of files) {
      mkdirSync(dirname(join(outDir, file)), { recursive: true });
      cpSync(join(ROOT, file), join(outDir, file));
    }
  },
  themeConfig: {
    nav: [
      { text: "All pages", link: "/docs/" },
      { text: "API", link: "/docs/api/" },
    ],
    sidebar: sidebar(),
    search: { provider: "local" },
    outline: [2, 3],
  },
});
