import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { codeSnippet } from "./code-snippets.ts";
import { EMPTY_FORM } from "./draw-form.ts";

const origin = "http://127.0.0.1:7470";
const form = { ...EMPTY_FORM, model: "emoji-demo", prompt: `a fox's "den" in $HOME`, seed: 41 };
const plain = { origin, hasStart: false, hasMask: false, needsKey: false };

/** Arguments as a shell hands them over. */
const shellArguments = (code: string): string[] => {
  const script = `curl() { for one in "$@"; do printf '%s\\0' "$one"; done; }; ${code}`;
  return execFileSync("sh", ["-c", script], { encoding: "utf8" }).split("\0").slice(0, -1);
};

describe("curl", () => {
  it("hands any prompt through a shell", () => {
    const [url, , , , body = ""] = shellArguments(codeSnippet("curl", form, plain));
    expect(url).toBe(`${origin}/v1/images/generations`);
    expect(JSON.parse(body)).toEqual({
      model: "emoji-demo",
      prompt: form.prompt,
      n: 4,
      seed: 41,
    });
  });

  it("sends a start picture as a form", () => {
    const place = { ...plain, hasStart: true, hasMask: true };
    const sent = shellArguments(codeSnippet("curl", form, place));
    expect(sent[0]).toBe(`${origin}/v1/images/edits`);
    expect(sent).toContain("image=@start.png");
    expect(sent).toContain("mask=@mask.png");
    expect(sent).toContain(`prompt=${form.prompt}`);
    expect(sent).toContain("strength=0.6");
  });

  it.each(["a cat; oil on canvas", "<3 cats", "@home", `'"; $HOME`])(
    "sends %s as text",
    (prompt) => {
      const sent = shellArguments(
        codeSnippet("curl", { ...form, prompt }, { ...plain, hasStart: true }),
      );
      const texts = sent.filter((_, at) => sent[at - 1] === "--form-string");
      expect(texts).toContain(`prompt=${prompt}`);
      expect(sent.filter((_, at) => sent[at - 1] === "-F")).toEqual(["image=@start.png"]);
    },
  );

  it.each([true, false])("sends the key of the environment (edit: %s)", (hasStart) => {
    const code = codeSnippet("curl", form, { ...plain, hasStart, needsKey: true });
    const sent = shellArguments(`PIXART_API_KEY='a key'; ${code}`);
    expect(sent).toContain("authorization: Bearer a key");
    expect(codeSnippet("curl", form, { ...plain, hasStart })).not.toContain("PIXART_API_KEY");
  });
});

it("TypeScript calls the package's client", () => {
  const code = codeSnippet("TypeScript", form, plain);
  expect(code).toContain("client.generate({");
  expect(code).toContain(`prompt: ${JSON.stringify(form.prompt)},`);
  expect(codeSnippet("TypeScript", form, { ...plain, hasStart: true })).toContain("client.edit({");
});

it("Python passes what OpenAI's client doesn't know in extra_body", () => {
  const code = codeSnippet("Python", { ...form, steps: 8 }, plain);
  expect(code).toContain('extra_body={"seed":41,"steps":8},');
  expect(code).toContain('model="emoji-demo",');
});

it("both take the key from the environment where the server requires one", () => {
  const place = { ...plain, needsKey: true };
  const typeScript = codeSnippet("TypeScript", form, place);
  expect(typeScript).toContain('const { PIXART_API_KEY: apiKey = "" } = process.env;');
  expect(typeScript).toContain("new PixartClient({ baseUrl, apiKey })");
  const python = codeSnippet("Python", form, place);
  expect(python).toContain("import os\n");
  expect(python).toContain('api_key=os.environ["PIXART_API_KEY"])');
});
