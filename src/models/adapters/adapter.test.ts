import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import { expectEqualTensors } from "../../../test/fixtures/equal-tensors.ts";
import { IncompatibleError, InvalidStateError, InvalidValueError } from "../../errors/index.ts";
import { construct, Linear, Module, ProductLayer } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import {
  lazyTensors,
  readSafetensors,
  weightsOfFile,
  writeSafetensors,
  writeTorchFile,
} from "../../weights/index.ts";
import { AutoencoderKL } from "../autoencoder-kl/index.ts";
import { AutoencoderTiny } from "../autoencoder-tiny/index.ts";
import { DiTTransformer2DModel } from "../dit/index.ts";
import { PixArtTransformer2DModel } from "../pixart/index.ts";
import { PixArtControlNetAdapterModel } from "../pixart-controlnet/index.ts";
import { T5EncoderModel } from "../t5/index.ts";
import {
  type AdapterOptions,
  adaptersOf,
  addAdapter,
  loadAdapter,
  loadLoraFile,
  mergeAdapters,
  refuseUnmergedAdapters,
  unmergeAdapters,
} from "./index.ts";
import { stackOn } from "./stack.ts";

class Model extends Module {
  readonly toQ: Linear = new Linear(8, 8);
  readonly toOut: Linear = new Linear(8, 4, { bias: false });

  override forward(x: torch.Tensor): torch.Tensor {
    return this.toOut.call(this.toQ.call(x).mul(2));
  }
}

const folder = mkdtempSync(join(tmpdir(), "pixart-adapters-"));
afterAll(() => rmSync(folder, { recursive: true }));

const make = (): Model => construct({ generator: torch.generator(0) }, () => new Model());
const x = torch.keep(torch.randn([3, 8], { generator: torch.generator(1) }));
const generator = (): torch.Generator => torch.generator(2);

/** Of each kind one that changes the output from the start. */
const kinds: AdapterOptions[] = [
  { peftType: "LORA", targetModules: ["to_q"], initLoraWeights: false, r: 2 },
  { peftType: "LORA", targetModules: ["to_q"], initLoraWeights: false, useDora: true, r: 2 },
  { peftType: "LOHA", targetModules: ["to_q"], initWeights: false },
  { peftType: "LOKR", targetModules: ["to_q"], initWeights: false },
  { peftType: "OFT", targetModules: ["to_q"], initWeights: false, oftBlockSize: 4 },
];
const [lora, dora, loha, , oft] = kinds as [
  AdapterOptions,
  AdapterOptions,
  AdapterOptions,
  AdapterOptions,
  AdapterOptions,
];

const distance = (a: torch.Tensor, b: torch.Tensor): number =>
  torch.tidy(() => a.sub(b).norm().div(b.norm())).item();

beforeEach(collectGarbage);

describe("several adapters", () => {
  it("add up, merged as well", () => {
    const outputs = [lora, loha].map((options) => {
      const model = make();
      addAdapter(model, options, { generator: generator() });
      return model.call(x);
    });
    const model = make();
    const plain = model.call(x);
    addAdapter(model, lora, { generator: generator() });
    addAdapter(model, loha, { name: "second", generator: generator() });
    const [first = plain, second = plain] = outputs;
    const both = model.call(x);
    expect(distance(both, first.add(second).sub(plain))).toBeLessThan(1e-5);
    mergeAdapters(model);
    expect(distance(model.call(x), both)).toBeLessThan(1e-5);
  });

  it("of all kinds on one layer merge into what they compute", () => {
    const model = make();
    kinds.forEach((options, i) => {
      addAdapter(model, options, { name: `${i}`, generator: generator() });
    });
    expect(adaptersOf(model).map(({ name }) => name)).toEqual(["0", "1", "2", "3", "4"]);
    const unmerged = model.call(x);
    mergeAdapters(model);
    expect(distance(model.call(x), unmerged)).toBeLessThan(1e-5);
  });

  it("have names of their own", () => {
    const model = make();
    addAdapter(model, lora);
    expect(() => addAdapter(model, loha)).toThrow(
      new InvalidValueError('Expected a name that no other adapter has but received "default"'),
    );
  });

  it("are refused where they turn the input twice", () => {
    const model = make();
    addAdapter(model, oft);
    expect(() => addAdapter(model, oft, { name: "second" })).toThrow(
      new IncompatibleError(
        'Expected at most one OFT adapter on to_q, because rotations do not add up, but received "second" as well as "default"',
      ),
    );
  });
});

describe("scale and enabled", () => {
  it.each(kinds.filter(({ peftType }) => peftType !== "OFT"))(
    "change the effect: %j",
    (options) => {
      const model = make();
      const plain = model.call(x);
      const adapter = addAdapter(model, options, { generator: generator() });
      const whole = model.call(x);
      expect(distance(whole, plain)).toBeGreaterThan(1e-3);
      adapter.scale = 0.5;
      const half = model.call(x);
      if (options !== dora) {
        expect(distance(half, whole.add(plain).mul(0.5))).toBeLessThan(1e-5);
      }
      mergeAdapters(model);
      expect(distance(model.call(x), half)).toBeLessThan(1e-5);
      unmergeAdapters(model);
      adapter.scale = 1;
      adapter.enabled = false;
      expect(model.call(x).equal(plain)).toBe(true);
      adapter.enabled = true;
      expect(model.call(x).equal(whole)).toBe(true);
    },
  );

  it("are refused where they mean nothing", () => {
    const adapter = addAdapter(make(), lora);
    expect(() => {
      adapter.scale = Number.NaN;
    }).toThrow(new InvalidValueError("Expected a number for scale but received NaN"));
    const rotation = addAdapter(make(), oft);
    expect(() => {
      rotation.scale = 0.5;
    }).toThrow(
      new InvalidValueError(
        "Expected 1 for the scale of an OFT adapter, which rotates its input and adds nothing, but received 0.5",
      ),
    );
  });
});

describe("merging", () => {
  it("without the originals leaves the weights and takes the adapter away", () => {
    const model = make();
    const adapter = addAdapter(model, lora, { generator: generator() });
    const idle = addAdapter(model, loha, { name: "idle" });
    idle.enabled = false;
    const adapted = model.call(x);
    mergeAdapters(model, { keepOriginals: false });
    expect(distance(model.call(x), adapted)).toBeLessThan(1e-5);
    expect(adaptersOf(model)).toEqual([idle]);
    expect(() => adapter.parameters()).toThrow(
      new InvalidStateError('The adapter "default" was removed'),
    );
    idle.remove();
    expect(model.toQ.adapters).toBeUndefined();
    expect(() => unmergeAdapters(model)).toThrow(
      new InvalidStateError("Expected merged adapters on Model but received none"),
    );
  });

  it("needs an adapter that is not merged", () => {
    const model = make();
    const refusal = new InvalidStateError(
      "Expected an enabled adapter that is not merged on Model but received none",
    );
    expect(() => mergeAdapters(model)).toThrow(refusal);
    const adapter = addAdapter(model, lora);
    mergeAdapters(model);
    expect(adapter.isMerged).toBe(true);
    expect(() => mergeAdapters(model)).toThrow(refusal);
    unmergeAdapters(model);
    expect(adapter.isMerged).toBe(false);
    adapter.enabled = false;
    expect(() => mergeAdapters(model)).toThrow(refusal);
  });

  it("forbids changes that would not reach the output", () => {
    const model = make();
    const adapter = addAdapter(model, lora);
    mergeAdapters(model);
    const refusal = (change: string): Error =>
      new InvalidStateError(
        `Expected no merged adapters on to_q for ${change}; call unmergeAdapters() first`,
      );
    expect(() => {
      adapter.scale = 2;
    }).toThrow(refusal('scale of the adapter "default"'));
    expect(() => {
      adapter.enabled = false;
    }).toThrow(refusal('enabled of the adapter "default"'));
    expect(() => adapter.remove()).toThrow(refusal('remove() of the adapter "default"'));
    expect(() => addAdapter(model, loha, { name: "b" })).toThrow(refusal('another adapter, "b"'));
  });

  it("puts every weight back where it fails halfway", () => {
    const model = make();
    const adapter = addAdapter(
      model,
      { ...lora, targetModules: ["to_q", "to_out"] },
      { generator: generator() },
    );
    const before = [...model.stateDict().values()].map((weight) => weight.tolist());
    adapter.parameters().get("base_model.model.to_out.lora_B.weight")?.dispose();
    expect(() => mergeAdapters(model)).toThrow("disposed");
    expect([...model.stateDict().values()].map((weight) => weight.tolist())).toEqual(before);
    expect(adapter.isMerged).toBe(false);
  });

  it("rounds once into half as wide weights, and gives back the same ones", () => {
    const model = make().to({ dtype: "bfloat16" });
    addAdapter(model, lora, { generator: generator() });
    const original = model.toQ.weight.tolist();
    const part = [...(stackOn(model.toQ)?.parts ?? [])][0];
    const exact = torch.noGrad(() => part?.merged(model.toQ.weight.float(), model.toQ));
    mergeAdapters(model);
    expect(model.toQ.weight.tolist()).toEqual(exact?.to({ dtype: "bfloat16" }).tolist());
    unmergeAdapters(model);
    expect(model.toQ.weight.tolist()).toEqual(original);
  });
});

describe("a model with adapters", () => {
  it.each(kinds)("computes in its own dtype, with the adapter in float32: %j", (options) => {
    const model = make().to({ dtype: "bfloat16" });
    const adapter = addAdapter(model, options, { generator: generator() });
    expect([...adapter.parameters().values()].map(({ dtype }) => dtype)).toContain("float32");
    expect(model.call(x.to({ dtype: "bfloat16" })).dtype).toBe("bfloat16");
    model.to({ dtype: "float32" });
    expect(model.call(x).dtype).toBe("float32");
  });

  it("takes them along to another dtype, merged or not", () => {
    const model = make();
    const adapter = addAdapter(model, lora, { generator: generator() });
    const rounded = make().to({ dtype: "bfloat16" }).toQ.weight.tolist();
    mergeAdapters(model);
    model.to({ dtype: "bfloat16" });
    unmergeAdapters(model);
    expect(model.toQ.weight.tolist()).toEqual(rounded);
    const tensors = [...adapter.parameters().values()];
    expect(tensors.map(({ dtype, requiresGrad }) => [dtype, requiresGrad])).toEqual([
      ["bfloat16", true],
      ["bfloat16", true],
    ]);
    expect(model.call(x.to({ dtype: "bfloat16" })).isDisposed).toBe(false);
  });

  it.each(kinds)("leaves no tensor behind: %j", (options) => {
    const before = torch.memory().tensors;
    const model = make();
    const adapter = addAdapter(model, options, { generator: generator() });
    const made = torch.memory().tensors;
    for (let i = 0; i < 3; i++) {
      torch.tidy(() => void model.call(x));
      mergeAdapters(model);
      unmergeAdapters(model);
    }
    expect(torch.memory().tensors).toBe(made);
    adapter.remove();
    expect(torch.memory().tensors).toBe(before + model.parameters().length);
    addAdapter(model, options);
    mergeAdapters(model);
    model.dispose();
    expect(torch.memory().tensors).toBe(before);
  });

  it("freezes its own weights and trains the adapter's", () => {
    const model = make();
    const adapter = addAdapter(model, lora);
    expect(model.parameters().every(({ requiresGrad }) => !requiresGrad)).toBe(true);
    expect([...adapter.parameters().values()].every((t) => t.requiresGrad)).toBe(true);
    expect([...adapter.parameters().keys()]).toEqual([
      "base_model.model.to_q.lora_A.weight",
      "base_model.model.to_q.lora_B.weight",
    ]);
  });

  it("draws the same adapter from the same generator", () => {
    const draw = (): unknown =>
      [...addAdapter(make(), dora, { generator: generator() }).parameters()].map(([key, t]) => [
        key,
        t.tolist(),
      ]);
    expect(draw()).toEqual(draw());
  });

  it("is saved only where its weights say what it computes", () => {
    const model = make();
    const adapter = addAdapter(model, lora);
    expect(() => refuseUnmergedAdapters(model)).toThrow(
      new InvalidStateError(
        'Expected merged or disabled adapters for savePretrained() but received "default" unmerged; adapter.save() writes an adapter, and mergeAdapters() puts it into the weights',
      ),
    );
    adapter.enabled = false;
    refuseUnmergedAdapters(model);
    adapter.enabled = true;
    mergeAdapters(model);
    refuseUnmergedAdapters(model);
  });
});

describe("savePretrained", () => {
  const models: [string, () => Module & { savePretrained(folder: string): Promise<void> }][] = [
    ["PixArtTransformer2DModel", () => new PixArtTransformer2DModel({ numLayers: 1 })],
    ["DiTTransformer2DModel", () => new DiTTransformer2DModel({ numLayers: 1 })],
    ["T5EncoderModel", () => new T5EncoderModel({ numLayers: 1 })],
    ["AutoencoderKL", () => new AutoencoderKL()],
    ["AutoencoderTiny", () => new AutoencoderTiny()],
    ["PixArtControlNetAdapterModel", () => new PixArtControlNetAdapterModel({ numLayers: 1 })],
  ];

  it.each(models)("of %s refuses to leave an adapter out", async (_, build) => {
    const model = construct({ device: "meta" }, build);
    const [name = ""] = [...model.namedModules()].find(([, m]) => m instanceof ProductLayer) ?? [];
    addAdapter(model, { peftType: "LORA", targetModules: [name] });
    await expect(model.savePretrained(folder)).rejects.toThrow(
      'Expected merged or disabled adapters for savePretrained() but received "default" unmerged',
    );
  });
});

describe("an adapter that trains", () => {
  it("has no dropout", () => {
    const options: AdapterOptions = { peftType: "LOHA", targetModules: ["to_q"], rankDropout: 0.1 };
    expect(() => addAdapter(make(), options)).toThrow(
      new InvalidValueError(
        "Expected 0 for rankDropout of a trainable adapter, since dropout is not supported, but received 0.1",
      ),
    );
  });

  it("starts in one of the ways that are there", () => {
    const options: AdapterOptions = {
      peftType: "LORA",
      targetModules: ["to_q"],
      initLoraWeights: "eva",
    };
    expect(() => addAdapter(make(), options)).toThrow(
      new InvalidValueError(
        'Expected true, false or "gaussian" for initLoraWeights of a new adapter but received "eva"',
      ),
    );
  });
});

describe("loadAdapter", () => {
  const saved = join(folder, "saved");

  it("reads what save() wrote, and trains on where it is asked to", async () => {
    const model = make();
    const adapter = addAdapter(model, lora, { generator: generator() });
    await adapter.save(saved);
    const other = make();
    const loaded = await loadAdapter(other, saved, { name: "style", scale: 0.5 });
    expect([loaded.name, loaded.scale, loaded.config]).toEqual(["style", 0.5, adapter.config]);
    adapter.scale = 0.5;
    expectEqualTensors(loaded.parameters(), adapter.parameters());
    expect(other.call(x).allclose(model.call(x), 1e-5, 1e-6)).toBe(true);
    expect(other.parameters().every(({ requiresGrad }) => requiresGrad)).toBe(true);
    expect([...loaded.parameters().values()].some((t) => t.requiresGrad)).toBe(false);
    const trained = make();
    const again = await loadAdapter(trained, saved, { trainable: true });
    expect([...again.parameters().values()].every((t) => t.requiresGrad)).toBe(true);
    expect(trained.parameters().some(({ requiresGrad }) => requiresGrad)).toBe(false);
  });

  it("lists missing, unexpected and mis-shaped tensors and leaves the model as it was", async () => {
    const broken = join(folder, "broken");
    await addAdapter(make(), lora).save(broken);
    const prefix = "base_model.model";
    await writeSafetensors(
      join(broken, "adapter_model.safetensors"),
      new Map([
        [`${prefix}.to_q.lora_A.weight`, torch.zeros([2, 9])],
        [`${prefix}.to_v.lora_A.weight`, torch.zeros([2, 8])],
      ]),
    );
    const model = make();
    await expect(loadAdapter(model, broken)).rejects.toThrow(
      new IncompatibleError(
        [
          `The weights do not fit Model as the adapter in ${broken}; nothing was loaded.`,
          "  missing (1):",
          `    ${prefix}.to_q.lora_B.weight`,
          "  unexpected (1):",
          `    ${prefix}.to_v.lora_A.weight`,
          "  of another shape (1):",
          `    ${prefix}.to_q.lora_A.weight: expected [2, 8], found [2, 9]`,
        ].join("\n"),
      ),
    );
    expect(model.toQ.adapters).toBeUndefined();
  });

  it("takes a bad scale back", async () => {
    const rotation = join(folder, "rotation");
    await addAdapter(make(), oft).save(rotation);
    const model = make();
    await expect(loadAdapter(model, rotation, { scale: 2 })).rejects.toThrow("Expected 1 for");
    expect(model.toQ.adapters).toBeUndefined();
  });

  it("refuses to train on with dropout, but computes with it", async () => {
    const dropping = join(folder, "dropping");
    await addAdapter(make(), lora).save(dropping);
    const file = join(dropping, "adapter_config.json");
    writeFileSync(
      file,
      JSON.stringify({ peft_type: "LORA", r: 2, target_modules: ["to_q"], lora_dropout: 0.2 }),
    );
    await expect(loadAdapter(make(), dropping, { trainable: true })).rejects.toThrow(
      "Expected 0 for loraDropout of a trainable adapter",
    );
    await loadAdapter(make(), dropping);
  });

  it("reads the pickled form of the weights, where it is alone", async () => {
    const pickled = join(folder, "pickled");
    const model = make();
    const adapter = addAdapter(model, lora, { generator: generator() });
    await adapter.save(pickled);
    const file = join(pickled, "adapter_model.safetensors");
    const tensors = lazyTensors(weightsOfFile(readSafetensors(file)));
    await writeTorchFile(join(pickled, "adapter_model.bin"), tensors);
    rmSync(file);
    for (const load of [loadAdapter, loadLoraFile]) {
      const other = make();
      await load(other, load === loadAdapter ? pickled : join(pickled, "adapter_model.bin"));
      expect(other.call(x).equal(model.call(x))).toBe(true);
    }
  });
});

describe("adapters of the released transformer", () => {
  const released = (targetModules: readonly string[]): { layers: number; numbers: number } => {
    const model = construct(
      { device: "meta" },
      () => new PixArtTransformer2DModel({ captionChannels: 4096 }),
    );
    const adapter = addAdapter(model, { peftType: "LORA", targetModules, r: 8 });
    const tensors = [...adapter.parameters().values()];
    return {
      layers: tensors.length / 2,
      numbers: tensors.reduce((sum, { numel }) => sum + numel, 0),
    };
  };

  it("have diffengine's 224 layers, or the 291 of the paper's script", () => {
    expect(released(["to_q", "to_v", "to_k", "to_out.0"])).toEqual({
      layers: 224,
      numbers: 4_128_768,
    });
    const paper = ["proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "proj", "linear"];
    expect(
      released(["to_q", "to_v", "to_k", "to_out.0", ...paper, "linear_1", "linear_2"]),
    ).toEqual({ layers: 291, numbers: 6_905_216 });
  });
});
