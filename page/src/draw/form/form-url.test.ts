import fc from "fast-check";
import { expect, it } from "vitest";
import { type DrawForm, EMPTY_FORM } from "./draw-form.ts";
import { formOfQuery, formQuery } from "./form-url.ts";

const read = (query: string): DrawForm => ({
  ...EMPTY_FORM,
  ...formOfQuery(new URLSearchParams(query)),
});

it("reads back every form", () => {
  const form = fc.record({
    model: fc.string(),
    prompt: fc.string(),
    negative: fc.string(),
    seed: fc.nat(),
    keepsSeed: fc.boolean(),
    count: fc.integer({ min: 1, max: 10 }),
    steps: fc.option(fc.integer({ min: 1, max: 1000 })),
    guidance: fc.option(
      fc.float({ min: 0, max: 100, noNaN: true }).filter((x) => !Object.is(x, -0)),
    ),
    size: fc.constantFrom("", "512x512"),
    scheduler: fc.constantFrom("", "unipc"),
    adapters: fc.array(
      fc.record({ name: fc.string({ minLength: 1 }), scale: fc.constantFrom(0.5, 1, -2) }),
    ),
    strength: fc.constantFrom(0.25, 0.6, 1),
  });
  fc.assert(
    fc.property(form, (one) => {
      expect(read(formQuery(one))).toEqual(one);
    }),
  );
});

it("keeps a seed that an address brings", () => {
  expect(read("prompt=a+fox&seed=41")).toMatchObject({
    prompt: "a fox",
    seed: 41,
    keepsSeed: true,
  });
  expect(read("prompt=a+fox").keepsSeed).toBe(false);
});

it("leaves out what is no number", () => {
  expect(read("seed=abc&steps=&n=3&adapter=broken")).toMatchObject({
    seed: EMPTY_FORM.seed,
    steps: null,
    count: 3,
    adapters: [],
  });
});
