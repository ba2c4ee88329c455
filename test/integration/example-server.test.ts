import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { expect, it } from "vitest";
import { RgbImage } from "../../src/images/index.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

it("the example of a server answers while it draws, and stops what nobody waits for", async () => {
  const child = execa(
    process.execPath,
    ["--import", "tsx", "examples/server.ts", "emoji-demo", "0"],
    { cwd: ROOT, reject: false },
  );
  try {
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const address = `${line}`.trim();
    const left = new AbortController();
    const abandoned = fetch(`${address}/?prompt=a+cat`, { signal: left.signal });
    const drawing = fetch(`${address}/?prompt=a+red+apple,+noto+style`);
    let isDrawn = false;
    void drawing.then(() => {
      isDrawn = true;
    });
    expect(await (await fetch(`${address}/health`)).text()).toBe("ok\n");
    expect(isDrawn).toBe(false);
    left.abort();
    await expect(abandoned).rejects.toThrow(expect.objectContaining({ name: "AbortError" }));
    const answer = await drawing;
    expect(answer.headers.get("content-type")).toBe("image/png");
    const picture = await RgbImage.decode(new Uint8Array(await answer.arrayBuffer()));
    expect([picture.width, picture.height]).toEqual([64, 64]);
  } finally {
    child.kill();
    await child;
  }
});
