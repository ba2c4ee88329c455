import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import { T5EncoderModel } from "../../models/index.ts";
import { T5Tokenizer } from "../../text/index.ts";
import * as torch from "../../torch/index.ts";
import { type EncodedText, padText, stackTexts } from "./encoded-text.ts";
import { LazyModel } from "./lazy-model.ts";
import {
  type EncodedPrompt,
  type EncodePromptRequest,
  encodePrompt,
  PromptEncoder,
} from "./prompt-encoder.ts";
import { PromptPack } from "./prompt-pack.ts";

beforeEach(collectGarbage);

const captions = ["a red fox in the snow", "two blue birds on a wire", "a house by the sea"];
const tokenizer = T5Tokenizer.fromCaptions(captions, { vocabSize: 60 });
const limits = { maxSequenceLength: 40, onWarning: (): void => {} };

const makeEncoder = (): T5EncoderModel => {
  torch.manualSeed(3);
  return new T5EncoderModel({
    vocabSize: tokenizer.vocabSize,
    dModel: 16,
    dKv: 8,
    dFf: 16,
    numLayers: 2,
    numHeads: 2,
    relativeAttentionNumBuckets: 8,
    feedForwardProj: "gated-gelu",
  });
};

let encoder: T5EncoderModel;
let folder: string;
beforeAll(async () => {
  encoder = makeEncoder();
  folder = await mkdtemp(join(tmpdir(), "pixart-texts-"));
});
afterAll(() => rm(folder, { recursive: true }));

const dispose = (text: EncodedText): void => {
  text.hiddenStates.dispose();
  text.attentionMask.dispose();
};

/** What a text's tokens become where it is padded to the limit, as diffusers does. */
function paddedStates(text: string): number[] {
  const tokens = tokenizer.encode([text], { maxLength: 40, padding: "max" });
  return torch.tidy(() => {
    const ids = torch.fromTypedArray(tokens.inputIds, tokens.shape);
    const attentionMask = torch.fromTypedArray(tokens.attentionMask, tokens.shape);
    const states = encoder.call(ids, { attentionMask }).narrow(1, 0, tokens.lengths[0] ?? 0);
    return Array.from(states.contiguous().toFloat32Array());
  });
}

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? 0))), 0);
};

/** A staged encoder whose loads take until a gate is opened. */
function slowLoads() {
  let opened = Promise.resolve();
  let open = (): void => {};
  const staged = new LazyModel(async () => {
    await opened;
    return makeEncoder();
  });
  const close = (): void => {
    opened = new Promise((resolve) => {
      open = resolve;
    });
  };
  return {
    staged,
    close,
    open: () => open(),
    /** Loads that begin from now on do not wait; those that wait still do. */
    openForNext: (): void => {
      opened = Promise.resolve();
    },
  };
}

it("takes many texts in several passes, with the same states", async () => {
  const many = Array.from({ length: 70 }, (_, i) => captions.slice(0, 1 + (i % 3)).join(" and "));
  const passes = vi.spyOn(encoder, "call");
  const before = torch.memory().tensors;
  const encoded = await new PromptEncoder(tokenizer, encoder).encode(many, limits);
  expect(passes).toHaveBeenCalledTimes(3);
  passes.mockRestore();
  expect(encoded.hiddenStates.size(0)).toBe(70);
  torch.tidy(() => {
    const lengths = encoded.attentionMask.sum([1]).float().toFloat32Array();
    for (const [i, text] of many.entries()) {
      const own = encoded.hiddenStates.narrow(0, i, 1).narrow(1, 0, lengths[i] ?? 0);
      const found = own.contiguous().toFloat32Array();
      expect(largestDifference(found, paddedStates(text))).toBeLessThan(1e-6);
    }
  });
  dispose(encoded);
  expect(torch.memory().tensors).toBe(before);
});

describe("PromptEncoder", () => {
  it("gives the real tokens the states that they have where the text is padded to the limit", async () => {
    const [first = "", second = ""] = captions;
    const texts = new PromptEncoder(tokenizer, encoder);
    const alone = await texts.encode([first], limits);
    expect(alone.hiddenStates.size(1)).toBeLessThan(30);
    expect(alone.attentionMask.sum().item()).toBe(alone.hiddenStates.size(1));
    expect(
      largestDifference(alone.hiddenStates.toFloat32Array(), paddedStates(first)),
    ).toBeLessThan(1e-5);
    const both = await texts.encode([second, first], limits);
    const row = torch.tidy(() =>
      both.hiddenStates.narrow(0, 1, 1).narrow(1, 0, alone.hiddenStates.size(1)).toFloat32Array(),
    );
    expect(largestDifference(row, alone.hiddenStates.toFloat32Array())).toBeLessThan(1e-5);
    dispose(alone);
    dispose(both);
  });

  it("loads a staged encoder once for texts that it has seen, and frees it each time", async () => {
    let loads = 0;
    const loaded: T5EncoderModel[] = [];
    const staged = new LazyModel(async () => {
      loads++;
      const model = makeEncoder();
      loaded.push(model);
      return model;
    });
    const before = torch.memory().tensors;
    const texts = new PromptEncoder(tokenizer, staged);
    const first = await texts.encode(["a fox", ""], limits);
    const again = await texts.encode(["", "a fox"], limits);
    expect(loads).toBe(1);
    const other = await texts.encode(["a bird"], limits);
    expect(loads).toBe(2);
    expect(() => loaded[0]?.shared.weight.shape).toThrow("disposed");
    const resident = await new PromptEncoder(tokenizer, encoder).encode(["a fox", ""], limits);
    expect(
      largestDifference(
        torch.tidy(() => first.hiddenStates.narrow(0, 0, 1).contiguous().toFloat32Array()),
        torch.tidy(() => resident.hiddenStates.narrow(0, 0, 1).contiguous().toFloat32Array()),
      ),
    ).toBeLessThan(1e-5);
    expect(first.attentionMask.toTypedArray()).toEqual(resident.attentionMask.toTypedArray());
    for (const text of [first, again, other, resident]) dispose(text);
    texts.dispose();
    expect(torch.memory().tensors).toBe(before);
  });

  it("encodes anew what a staged encoder's change concerns, and frees one that cannot be changed", async () => {
    const before = torch.memory().tensors;
    const staged = new LazyModel(async () => makeEncoder());
    const texts = new PromptEncoder(tokenizer, staged);
    const first = await texts.encode(["a fox"], limits);
    staged.change(async (model) => {
      torch.noGrad(() => model.finalLayerNorm.weight.mul_(2));
    });
    const doubled = await texts.encode(["a fox"], limits);
    const expected = torch.tidy(() => first.hiddenStates.mul(2).toFloat32Array());
    expect(doubled.hiddenStates.toFloat32Array()).toEqual(expected);
    staged.change(() => Promise.reject(new Error("no such adapter")));
    await expect(texts.encode(["a fox"], limits)).rejects.toThrow("no such adapter");
    for (const text of [first, doubled]) dispose(text);
    texts.dispose();
    expect(torch.memory().tensors).toBe(before);
  });

  it("loads a staged encoder once for overlapping calls with the same text", async () => {
    let loads = 0;
    const before = torch.memory().tensors;
    const staged = new LazyModel(async () => {
      loads++;
      return makeEncoder();
    });
    const texts = new PromptEncoder(tokenizer, staged);
    const both = await Promise.all([1, 2].map(() => texts.encode(["a fox"], limits)));
    expect(loads).toBe(1);
    for (const text of both) dispose(text);
    texts.dispose();
    expect(torch.memory().tensors).toBe(before);
  });

  it("keeps the states that a call needs while others forget the oldest", async () => {
    const gate = slowLoads();
    const texts = new PromptEncoder(tokenizer, gate.staged);
    const many = Array.from({ length: 64 }, (_, i) => `${i}`);
    const all = await texts.encode(many, limits);
    gate.close();
    const first = texts.encode(["0", "a fox"], limits);
    await sleep(10);
    gate.openForNext();
    const second = texts.encode(["a bird", "a house"], limits);
    await Promise.race([second, sleep(200)]);
    const third = texts.encode(["63"], limits);
    await Promise.race([third, sleep(200)]);
    gate.open();
    const encoded = await Promise.all([first, second, third]);
    expect(encoded.map(({ hiddenStates }) => hiddenStates.size(0))).toEqual([2, 2, 1]);
    for (const text of [all, ...encoded]) dispose(text);
    texts.dispose();
  });

  it("gives every text a row where the encoder is changed while it is loaded", async () => {
    const gate = slowLoads();
    const texts = new PromptEncoder(tokenizer, gate.staged);
    const before = await texts.encode(["a fox"], limits);
    gate.close();
    const during = texts.encode(["a fox", "a bird"], limits);
    await sleep(10);
    gate.staged.change(async (model) => {
      torch.noGrad(() => model.finalLayerNorm.weight.mul_(2));
    });
    gate.open();
    const both = await during;
    const after = await texts.encode(["a fox", "a bird"], limits);
    expect(both.hiddenStates.size(0)).toBe(2);
    const doubled = torch.tidy(() => both.hiddenStates.mul(2).toFloat32Array());
    expect(after.hiddenStates.toFloat32Array()).toEqual(doubled);
    for (const text of [before, both, after]) dispose(text);
    texts.dispose();
  });

  it("says that it was disposed of while it loaded", async () => {
    const gate = slowLoads();
    const texts = new PromptEncoder(tokenizer, gate.staged);
    dispose(await texts.encode(["a fox"], limits));
    gate.close();
    const encoded = texts.encode(["a fox", "a bird"], limits);
    await sleep(10);
    texts.dispose();
    gate.open();
    await expect(encoded).rejects.toThrow(
      "Expected an open pipeline but this one was disposed while its text encoder was loaded",
    );
    texts.dispose();
  });

  it("frees a staged encoder where encoding fails", async () => {
    const before = torch.memory().tensors;
    const staged = new LazyModel(async () => {
      const model = makeEncoder();
      torch.noGrad(() => model.finalLayerNorm.weight.fill_(Number.NaN));
      return model;
    });
    const texts = new PromptEncoder(tokenizer, staged);
    await expect(texts.encode(["a fox"], limits)).rejects.toThrow(
      'The text encoder gave NaN for "a fox" (computed in float32): its weights are damaged, or do not belong to this pipeline',
    );
    texts.dispose();
    expect(torch.memory().tensors).toBe(before);
  });

  it("names what was cut off", async () => {
    const warnings: string[] = [];
    const texts = new PromptEncoder(tokenizer, encoder);
    const cut = await texts.encode(["a red fox in the snow"], {
      maxSequenceLength: 4,
      onWarning: (message) => warnings.push(message),
    });
    expect(cut.hiddenStates.size(1)).toBe(4);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^The prompt is longer than 4 tokens\. This part was left out: .*snow$/,
      ),
    ]);
    dispose(cut);
  });

  it("says what is missing where there is no encoder", async () => {
    await expect(new PromptEncoder(tokenizer, null).encode(["a"], limits)).rejects.toThrow(
      "Expected promptEmbeds (and negativePromptEmbeds for guidance) because this pipeline has no text encoder",
    );
  });
});

describe("PromptPack", () => {
  it("stands in for the encoder, to the bit", async () => {
    const texts = new PromptEncoder(tokenizer, encoder);
    const pack = await texts.pack(["a fox", "", "a fox"], limits);
    const path = join(folder, "prompts.safetensors");
    await pack.save(path);
    pack.dispose();
    const read = PromptPack.open(path);
    expect(read.prompts).toEqual(["a fox", ""]);
    expect(read.maxSequenceLength).toBe(40);
    const fromPack = await new PromptEncoder(tokenizer, read).encode(["a fox"], limits);
    const fromModel = await texts.encode(["a fox"], limits);
    expect(fromPack.hiddenStates.toFloat32Array()).toEqual(fromModel.hiddenStates.toFloat32Array());
    expect(fromPack.attentionMask.toTypedArray()).toEqual(fromModel.attentionMask.toTypedArray());
    await expect(new PromptEncoder(tokenizer, read).encode(["a bird"], limits)).rejects.toThrow(
      `Expected a prompt of ${path} ("a fox", "") for prompt but received "a bird"`,
    );
    dispose(fromPack);
    dispose(fromModel);
    read.dispose();
  });

  it("leaves nothing behind where a later text cannot be encoded", async () => {
    const before = torch.memory().tensors;
    const staged = new LazyModel(async () => {
      const model = makeEncoder();
      const run = model.call.bind(model);
      vi.spyOn(model, "call")
        .mockImplementationOnce(run)
        .mockImplementation(() => {
          throw new Error("no memory");
        });
      return model;
    });
    const texts = new PromptEncoder(tokenizer, staged);
    await expect(texts.pack(["a fox", "a bird"], limits)).rejects.toThrow("no memory");
    texts.dispose();
    expect(torch.memory().tensors).toBe(before);
  });

  it("refuses other safetensors files", async () => {
    const path = join(folder, "weights.safetensors");
    const { writeSafetensors } = await import("../../weights/index.ts");
    const one = torch.ones([1]);
    await writeSafetensors(path, new Map([["w", one]]));
    expect(() => PromptPack.open(path)).toThrow(
      `${path}: metadata pixart_prompts: expected a list of prompts but found nothing; make one with \`pixart embed\``,
    );
    await writeSafetensors(path, new Map([["w", one]]), { pixart_prompts: "[7" });
    expect(() => PromptPack.open(path)).toThrow(
      `${path}: metadata pixart_prompts: expected a list of prompts but found [7`,
    );
    one.dispose();
  });
});

describe("a model that is loaded for each use", () => {
  const request = (positive: string[], negative: string[]): EncodePromptRequest => ({
    texts: {
      count: positive.length,
      positive,
      negative,
      cleanCaption: false,
      maxSequenceLength: 6,
    },
    numImagesPerPrompt: 1,
    guidanceScale: 3,
    onWarning: () => {},
  });
  const placement = { device: "cpu", dtype: "float32" } as const;
  let loads = 0;
  let texts: PromptEncoder;
  beforeEach(() => {
    loads = 0;
    const staged = new LazyModel(async () => {
      loads++;
      return makeEncoder();
    });
    texts = new PromptEncoder(tokenizer, staged);
  });
  afterEach(() => texts.dispose());

  const disposeBoth = ({ positive, negative }: EncodedPrompt): void => {
    dispose(positive);
    if (negative !== undefined) dispose(negative);
  };

  it("is loaded once for prompts and what they are guided away from", async () => {
    disposeBoth(await encodePrompt(texts, request(["a fox"], ["a bird"]), placement));
    expect(loads).toBe(1);
    disposeBoth(await encodePrompt(texts, request(["a fox"], ["a bird"]), placement));
    expect(loads).toBe(1);
  });

  it("is loaded once for all texts of a pack", async () => {
    (await texts.pack(["a fox", "a bird", "a house", ""], limits)).dispose();
    expect(loads).toBe(1);
  });

  it("is not loaded for a call that was aborted while it waited", async () => {
    const leaving = new AbortController();
    const first = texts.encode(["a fox"], limits);
    const second = texts.encode(["a bird"], { ...limits, signal: leaving.signal });
    leaving.abort(new Error("the user left"));
    await expect(second).rejects.toThrow("the user left");
    dispose(await first);
    expect(loads).toBe(1);
  });

  it("says which texts are cut in each call that has them", async () => {
    const onWarning = vi.fn();
    const long = { ...request(["a red fox in the snow by the sea"], [""]), onWarning };
    for (const calls of [1, 2]) {
      disposeBoth(await encodePrompt(texts, long, placement));
      expect(onWarning).toHaveBeenCalledTimes(calls);
    }
    expect(onWarning.mock.lastCall?.[0]).toMatch("The prompt is longer than 6 tokens");
  });
});

describe("padding", () => {
  it("is masked zeros on the right", () => {
    torch.tidy(() => {
      const stacked = stackTexts([torch.ones([1, 1, 2]), torch.ones([1, 3, 2])]);
      expect(stacked.hiddenStates.shape).toEqual([2, 3, 2]);
      expect(Array.from(stacked.attentionMask.toTypedArray(), Number)).toEqual([1, 0, 0, 1, 1, 1]);
      const padded = padText(stacked, 4);
      expect(padded.hiddenStates.shape).toEqual([2, 4, 2]);
      expect(padded.hiddenStates.sum().item()).toBe(8);
      expect(padded.attentionMask.sum().item()).toBe(4);
    });
  });
});
