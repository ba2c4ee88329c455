import type { App } from "../../server/app-types.ts";
import type { PageFiles } from "../page/page-files.ts";

const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};
const A_YEAR = "public, max-age=31536000, immutable";

/** Adds the page, if it was built. */
export function addPageRoutes(app: App, page: PageFiles): void {
  if (!page.isThere) return;
  app.get("/*", async (c, next) => {
    const file = page.at(c.req.path);
    if (file === undefined) return next();
    return c.body(new Uint8Array(file.bytes), 200, {
      ...HEADERS,
      "content-type": file.type,
      "cache-control": file.isForGood ? A_YEAR : "no-cache",
    });
  });
}
