import { expect, it } from "vitest";
import { editRequest } from "../requests/request-schemas.ts";
import { formValues } from "./form-values.ts";

it("reads a form's texts as the schema wants them, and leaves what it can't read to it", () => {
  const fields = {
    prompt: "12",
    n: "2",
    strength: "0.5",
    seed: "many",
    stream: "true",
    clean_caption: "perhaps",
    adapters: '[{"name":"a"}]',
    size: "null",
    quality: "null",
    steps: "null",
    sead: "1",
  };
  expect(formValues(editRequest, fields)).toEqual({
    ...fields,
    n: 2,
    strength: 0.5,
    stream: true,
    adapters: [{ name: "a" }],
    quality: null,
    steps: null,
  });
});
