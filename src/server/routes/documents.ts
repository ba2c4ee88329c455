import { createHash } from "node:crypto";
import type { App } from "../app-types.ts";
import { docsPage } from "../docs-page.ts";
import { openApiDocument } from "../openapi.ts";

/** Adds the server's documentation. */
export function addDocumentRoutes(app: App, version: string): void {
  const document = openApiDocument(version);
  const page = docsPage(document);
  const [, style = ""] = /<style>(.*?)<\/style>/s.exec(page) ?? [];
  const hash = createHash("sha256").update(style).digest("base64");
  app.get("/openapi.json", (c) => c.json(document));
  app.get("/docs", (c) =>
    c.html(page.replace("ORIGIN", new URL(c.req.url).origin), 200, {
      "content-security-policy": `default-src 'none'; style-src 'sha256-${hash}'; frame-ancestors 'none'`,
    }),
  );
  app.get("/", (c) => c.redirect("/docs"));
}
