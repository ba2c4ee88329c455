"""FID's Inception-v3 of random weights: saved as pytorch-fid's file is, and what it makes of pictures, norms kept apart."""

import base64
import json
import sys

import torch
import torch.nn.functional as F

# In the layers' order: name, inputs, outputs, height and width of the kernel (torchvision `models/inception.py`).
STEM = [
    ("Conv2d_1a_3x3", 3, 32, 3, 3),
    ("Conv2d_2a_3x3", 32, 32, 3, 3),
    ("Conv2d_2b_3x3", 32, 64, 3, 3),
    ("Conv2d_3b_1x1", 64, 80, 1, 1),
    ("Conv2d_4a_3x3", 80, 192, 3, 3),
]


def layers_a(inputs, pooled):
    yield "branch1x1", inputs, 64, 1, 1
    yield "branch5x5_1", inputs, 48, 1, 1
    yield "branch5x5_2", 48, 64, 5, 5
    yield "branch3x3dbl_1", inputs, 64, 1, 1
    yield "branch3x3dbl_2", 64, 96, 3, 3
    yield "branch3x3dbl_3", 96, 96, 3, 3
    yield "branch_pool", inputs, pooled, 1, 1


def layers_b(inputs):
    yield "branch3x3", inputs, 384, 3, 3
    yield "branch3x3dbl_1", inputs, 64, 1, 1
    yield "branch3x3dbl_2", 64, 96, 3, 3
    yield "branch3x3dbl_3", 96, 96, 3, 3


def layers_c(c7):
    yield "branch1x1", 768, 192, 1, 1
    yield "branch7x7_1", 768, c7, 1, 1
    yield "branch7x7_2", c7, c7, 1, 7
    yield "branch7x7_3", c7, 192, 7, 1
    yield "branch7x7dbl_1", 768, c7, 1, 1
    yield "branch7x7dbl_2", c7, c7, 7, 1
    yield "branch7x7dbl_3", c7, c7, 1, 7
    yield "branch7x7dbl_4", c7, c7, 7, 1
    yield "branch7x7dbl_5", c7, 192, 1, 7
    yield "branch_pool", 768, 192, 1, 1


def layers_d():
    yield "branch3x3_1", 768, 192, 1, 1
    yield "branch3x3_2", 192, 320, 3, 3
    yield "branch7x7x3_1", 768, 192, 1, 1
    yield "branch7x7x3_2", 192, 192, 1, 7
    yield "branch7x7x3_3", 192, 192, 7, 1
    yield "branch7x7x3_4", 192, 192, 3, 3


def layers_e(inputs):
    yield "branch1x1", inputs, 320, 1, 1
    yield "branch3x3_1", inputs, 384, 1, 1
    yield "branch3x3_2a", 384, 384, 1, 3
    yield "branch3x3_2b", 384, 384, 3, 1
    yield "branch3x3dbl_1", inputs, 448, 1, 1
    yield "branch3x3dbl_2", 448, 384, 3, 3
    yield "branch3x3dbl_3a", 384, 384, 1, 3
    yield "branch3x3dbl_3b", 384, 384, 3, 1
    yield "branch_pool", inputs, 192, 1, 1


MIXED = {
    "Mixed_5b": layers_a(192, 32),
    "Mixed_5c": layers_a(256, 64),
    "Mixed_5d": layers_a(288, 64),
    "Mixed_6a": layers_b(288),
    "Mixed_6b": layers_c(128),
    "Mixed_6c": layers_c(160),
    "Mixed_6d": layers_c(160),
    "Mixed_6e": layers_c(192),
    "Mixed_7a": layers_d(),
    "Mixed_7b": layers_e(1280),
    "Mixed_7c": layers_e(2048),
}


def weights():
    generator = torch.Generator().manual_seed(7)
    rand = lambda *shape: torch.rand(shape, generator=generator)
    randn = lambda *shape: torch.randn(shape, generator=generator)
    state = {}
    every = [*STEM, *((f"{block}.{name}", *rest) for block, own in MIXED.items() for name, *rest in own)]
    for name, inputs, outputs, height, width in every:
        fan = inputs * height * width
        state[f"{name}.conv.weight"] = randn(outputs, inputs, height, width) * (2 / fan) ** 0.5
        state[f"{name}.bn.weight"] = rand(outputs) + 0.5
        state[f"{name}.bn.bias"] = randn(outputs) * 0.1
        state[f"{name}.bn.running_mean"] = randn(outputs) * 0.1
        state[f"{name}.bn.running_var"] = rand(outputs) + 0.8
        state[f"{name}.bn.num_batches_tracked"] = torch.tensor(7)
    state["fc.weight"] = randn(1008, 2048)
    state["fc.bias"] = randn(1008)
    return state


def features(state, x):
    def conv(x, name, padding=0, stride=1):
        of = lambda part: state[f"{name}.{part}"].double()
        x = F.conv2d(x, of("conv.weight"), stride=stride, padding=padding)
        norm = (of(f"bn.{part}") for part in ("running_mean", "running_var", "weight", "bias"))
        return F.relu(F.batch_norm(x, *norm, eps=0.001))

    def pool(x, name):
        x = F.avg_pool2d(x, kernel_size=3, stride=1, padding=1, count_include_pad=False)
        return conv(x, f"{name}.branch_pool")

    def double3(x, name, stride=1):
        x = conv(conv(x, f"{name}.branch3x3dbl_1"), f"{name}.branch3x3dbl_2", 1)
        return conv(x, f"{name}.branch3x3dbl_3", 1 if stride == 1 else 0, stride)

    def block_a(x, name):
        five = conv(conv(x, f"{name}.branch5x5_1"), f"{name}.branch5x5_2", 2)
        return torch.cat([conv(x, f"{name}.branch1x1"), five, double3(x, name), pool(x, name)], 1)

    def block_b(x, name):
        three = conv(x, f"{name}.branch3x3", stride=2)
        return torch.cat([three, double3(x, name, 2), F.max_pool2d(x, kernel_size=3, stride=2)], 1)

    def block_c(x, name):
        seven = conv(conv(x, f"{name}.branch7x7_1"), f"{name}.branch7x7_2", (0, 3))
        seven = conv(seven, f"{name}.branch7x7_3", (3, 0))
        double = conv(x, f"{name}.branch7x7dbl_1")
        for i, padding in enumerate([(3, 0), (0, 3), (3, 0), (0, 3)], 2):
            double = conv(double, f"{name}.branch7x7dbl_{i}", padding)
        return torch.cat([conv(x, f"{name}.branch1x1"), seven, double, pool(x, name)], 1)

    def block_d(x, name):
        three = conv(conv(x, f"{name}.branch3x3_1"), f"{name}.branch3x3_2", stride=2)
        seven = conv(conv(x, f"{name}.branch7x7x3_1"), f"{name}.branch7x7x3_2", (0, 3))
        seven = conv(conv(seven, f"{name}.branch7x7x3_3", (3, 0)), f"{name}.branch7x7x3_4", stride=2)
        return torch.cat([three, seven, F.max_pool2d(x, kernel_size=3, stride=2)], 1)

    def block_e(x, name, with_max):
        fork = lambda x, a, b: [conv(x, f"{name}.{a}", (0, 1)), conv(x, f"{name}.{b}", (1, 0))]
        three = fork(conv(x, f"{name}.branch3x3_1"), "branch3x3_2a", "branch3x3_2b")
        double = conv(conv(x, f"{name}.branch3x3dbl_1"), f"{name}.branch3x3dbl_2", 1)
        double = fork(double, "branch3x3dbl_3a", "branch3x3dbl_3b")
        largest = lambda: conv(F.max_pool2d(x, 3, stride=1, padding=1), f"{name}.branch_pool")
        last = largest() if with_max else pool(x, name)
        return torch.cat([conv(x, f"{name}.branch1x1"), *three, *double, last], 1)

    x = F.interpolate(x, size=(299, 299), mode="bilinear", align_corners=False)
    x = 2 * x - 1
    x = conv(conv(x, "Conv2d_1a_3x3", stride=2), "Conv2d_2a_3x3")
    x = F.max_pool2d(conv(x, "Conv2d_2b_3x3", 1), kernel_size=3, stride=2)
    x = conv(conv(x, "Conv2d_3b_1x1"), "Conv2d_4a_3x3")
    x = F.max_pool2d(x, kernel_size=3, stride=2)
    for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
        x = block_a(x, name)
    x = block_b(x, "Mixed_6a")
    for name in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
        x = block_c(x, name)
    x = block_d(x, "Mixed_7a")
    x = block_e(x, "Mixed_7b", with_max=False)
    x = block_e(x, "Mixed_7c", with_max=True)
    return x.mean(dim=(2, 3))


def picture(width, height, pixels):
    data = torch.frombuffer(bytearray(base64.b64decode(pixels)), dtype=torch.uint8)
    return data.reshape(1, height, width, 3).permute(0, 3, 1, 2).double() / 255


if __name__ == "__main__":
    request = json.load(sys.stdin)
    state = weights()
    torch.save(state, request["path"])
    rows = [features(state, picture(**one))[0].tolist() for one in request["pictures"]]
    json.dump(rows, sys.stdout)
