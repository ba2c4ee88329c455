import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { collectGarbage } from "../../../../test/collect-garbage.ts";
import { Linear, Module } from "../../../nn/index.ts";
import * as torch from "../../../torch/index.ts";
import { writeSafetensors } from "../../../weights/index.ts";
import { loadLoraFile } from "../index.ts";

class Model extends Module {
  static override readonly keys = { toOut: "to_out.0" };
  readonly toQ: Linear = new Linear(4, 4);
  readonly toOut: Linear = new Linear(4, 4);

  override forward(x: torch.Tensor): torch.Tensor {
    return this.toOut.call(this.toQ.call(x));
  }
}

const folder = mkdtempSync(join(tmpdir(), "pixart-lora-file-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function write(
  name: string,
  shapes: Readonly<Record<string, readonly number[]>>,
  alphas: Readonly<Record<string, number>> = {},
  metadata: Readonly<Record<string, string>> = {},
): Promise<string> {
  const path = join(folder, name);
  const tensors = Object.entries(shapes).map(([key, shape]): [string, torch.Tensor] => [
    key,
    torch.randn(shape),
  ]);
  const scalars = Object.entries(alphas).map(([key, alpha]): [string, torch.Tensor] => [
    key,
    torch.tensor(alpha, { dtype: "float16" }),
  ]);
  await writeSafetensors(path, new Map([...tensors, ...scalars]), metadata);
  return path;
}

describe("loadLoraFile", () => {
  it("takes ranks and alphas from the layers", async () => {
    const path = await write(
      "onetrainer",
      {
        "lora_transformer_to_q.lora_down.weight": [2, 4],
        "lora_transformer_to_q.lora_up.weight": [4, 2],
        "lora_transformer_to_out_0.lora_down.weight": [3, 4],
        "lora_transformer_to_out_0.lora_up.weight": [4, 3],
      },
      { "lora_transformer_to_q.alpha": 1, "lora_transformer_to_out_0.alpha": 1.5 },
    );
    const adapter = await loadLoraFile(new Model(), path);
    expect([...adapter.parameters().keys()]).toEqual(
      ["to_q", "to_out.0"].flatMap((layer) =>
        ["A", "B"].map((matrix) => `base_model.model.${layer}.lora_${matrix}.weight`),
      ),
    );
    const { config } = adapter;
    const ranks = (config as { r: number; rankPattern: object }).r;
    expect([2, 3]).toContain(ranks);
    expect(config).toMatchObject(
      ranks === 2
        ? { rankPattern: { "^to_out\\.0": 3 }, alphaPattern: { "^to_out\\.0": 1.5 } }
        : { rankPattern: { "^to_q": 2 }, alphaPattern: { "^to_q": 1 } },
    );
  });

  it("keeps no tensor of a file but those that it puts on the model", async () => {
    const path = await write(
      "counted",
      {
        "lora_transformer_to_q.lora_down.weight": [2, 4],
        "lora_transformer_to_q.lora_up.weight": [4, 2],
      },
      { "lora_transformer_to_q.alpha": 1 },
    );
    const model = new Model();
    collectGarbage();
    const before = torch.memory().tensors;
    const adapter = await loadLoraFile(model, path);
    expect(torch.memory().tensors).toBe(before + adapter.parameters().size);
  });

  it("takes the alpha of a file that has none, and no other", async () => {
    const shapes = {
      "transformer.to_q.lora_A.weight": [2, 4],
      "transformer.to_q.lora_B.weight": [4, 2],
    };
    const path = await write("diffusers", shapes);
    expect((await loadLoraFile(new Model(), path)).config).toMatchObject({ loraAlpha: 2 });
    const told = await loadLoraFile(new Model(), path, { alpha: 8 });
    expect(told.config).toMatchObject({ loraAlpha: 8, alphaPattern: {} });
    const own = await write("own", shapes, { "transformer.to_q.alpha": 4 });
    const metadata = { lora_adapter_metadata: '{"transformer.lora_alpha": 3}' };
    const noted = await write("noted", shapes, {}, metadata);
    for (const file of [own, noted]) {
      await expect(loadLoraFile(new Model(), file, { alpha: 8 })).rejects.toThrow(
        `Expected no alpha for a file that has its own, ${file}, but received 8`,
      );
    }
  });

  it("lists what is missing and what belongs to no layer", async () => {
    const path = await write("odd", {
      "to_q.lora_A.weight": [2, 4],
      "lora_transformer_to_v.lora_down.weight": [2, 4],
      token_emb: [4],
    });
    await expect(loadLoraFile(new Model(), path)).rejects.toThrow(
      [
        `The weights do not fit Model as the adapter in ${path}; nothing was loaded.`,
        "  missing (1):",
        "    base_model.model.to_q.lora_B.weight",
        "  unexpected (2):",
        "    lora_transformer_to_v.lora_down.weight",
        "    token_emb",
      ].join("\n"),
    );
  });

  it("refuses files without a LoRA, and options that are not there", async () => {
    const none = await write("none", { "to_q.weight": [4, 4] });
    await expect(loadLoraFile(new Model(), none)).rejects.toThrow(
      `${none}: tensors: expected an adapter (LoRA, DoRA, LoHa, LoKr or differences) for a layer of Model but found none in 1 tensors: to_q.weight`,
    );
    const replicated = await write(
      "replicated",
      { "to_q.lora_A.weight": [2, 4], "to_q.lora_B.weight": [4, 2] },
      {},
      {
        lora_adapter_metadata: JSON.stringify({
          "transformer.target_modules": ["to_q"],
          "transformer.use_qalora": true,
        }),
      },
    );
    await expect(loadLoraFile(new Model(), replicated)).rejects.toThrow(
      `because it is not supported, for use_qalora in lora_adapter_metadata of ${replicated} but received true`,
    );
  });
});
