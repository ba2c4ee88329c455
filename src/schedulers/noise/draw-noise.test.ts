import { describe, expect, it } from "vitest";
import * as torch from "../../torch/index.ts";
import { drawNoise } from "./draw-noise.ts";

const like = torch.keep(torch.zeros([2, 4, 2, 2]));

describe("drawNoise", () => {
  it("draws the batch from one generator, or each row from its own", () => {
    torch.tidy(() => {
      const whole = drawNoise(like, torch.generator(3)).toFloat32Array();
      const again = torch.randn([2, 4, 2, 2], { generator: torch.generator(3) });
      expect(whole).toEqual(again.toFloat32Array());
      const rows = drawNoise(like, [torch.generator(3), torch.generator(4)]).toFloat32Array();
      const second = torch.randn([1, 4, 2, 2], { generator: torch.generator(4) });
      expect(rows.slice(16)).toEqual(second.toFloat32Array());
    });
  });

  it("has the tensor's dtype unless told otherwise", () => {
    torch.tidy(() => {
      const half = like.to({ dtype: "bfloat16" });
      expect(drawNoise(half, undefined).dtype).toBe("bfloat16");
      expect(drawNoise(half, undefined, "float32").dtype).toBe("float32");
    });
  });

  it("wants as many generators as rows", () => {
    const three = [1, 2, 3].map((seed) => torch.generator(seed));
    expect(() => drawNoise(like, three)).toThrow(
      "Expected 2 generators (one per row) for generator but received 3",
    );
  });
});
