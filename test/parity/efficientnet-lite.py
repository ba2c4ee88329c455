"""EfficientNet-lite0 of random weights: saved as the released file is, and what it makes of pictures, norms kept apart."""

import json
import sys

import torch
import torch.nn.functional as F

# Blocks, kernel, first stride, expansion and width of each stage (tensorflow/tpu, efficientnet_lite0).
STAGES = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]


def blocks():
    width = 32
    for count, kernel, stride, expansion, outputs in STAGES:
        for i in range(count):
            yield width, kernel, stride if i == 0 else 1, expansion, outputs
            width = outputs


def weights():
    generator = torch.Generator().manual_seed(5)
    state = {}

    def layer(conv, norm, outputs, inputs, kernel):
        fan = inputs * kernel * kernel
        shape = (outputs, inputs, kernel, kernel)
        state[f"{conv}.weight"] = torch.randn(shape, generator=generator) * (2 / fan) ** 0.5
        state[f"{norm}.weight"] = torch.rand(outputs, generator=generator) + 0.5
        state[f"{norm}.bias"] = torch.randn(outputs, generator=generator) * 0.1
        state[f"{norm}.running_mean"] = torch.randn(outputs, generator=generator) * 0.1
        state[f"{norm}.running_var"] = torch.rand(outputs, generator=generator) + 0.8
        state[f"{norm}.num_batches_tracked"] = torch.tensor(7)

    layer("_conv_stem", "_bn0", 32, 3, 3)
    for i, (width, kernel, _, expansion, outputs) in enumerate(blocks()):
        name, wide = f"_blocks.{i}", width * expansion
        if expansion > 1:
            layer(f"{name}._expand_conv", f"{name}._bn0", wide, width, 1)
        layer(f"{name}._depthwise_conv", f"{name}._bn1", wide, 1, kernel)
        layer(f"{name}._project_conv", f"{name}._bn2", outputs, wide, 1)
    layer("_conv_head", "_bn1", 1280, 320, 1)
    return state


def features(state, pictures):
    def norm(x, name):
        of = lambda part: state[f"{name}.{part}"].double()
        return F.batch_norm(x, of("running_mean"), of("running_var"), of("weight"), of("bias"), eps=1e-3)

    def conv(x, name, stride=1, groups=1):
        weight = state[f"{name}.weight"].double()
        pads = []
        for side in (x.shape[3], x.shape[2]):
            outputs = -(-side // stride)
            total = max((outputs - 1) * stride + weight.shape[2] - side, 0)
            pads += [total // 2, total - total // 2]
        return F.conv2d(F.pad(x, pads), weight, stride=stride, groups=groups)

    x = (pictures.double() * 255 - 127) / 128
    x = F.relu6(norm(conv(x, "_conv_stem", 2), "_bn0"))
    for i, (width, _, stride, expansion, outputs) in enumerate(blocks()):
        name, y = f"_blocks.{i}", x
        if expansion > 1:
            y = F.relu6(norm(conv(y, f"{name}._expand_conv"), f"{name}._bn0"))
        y = conv(y, f"{name}._depthwise_conv", stride, groups=y.shape[1])
        y = F.relu6(norm(y, f"{name}._bn1"))
        y = norm(conv(y, f"{name}._project_conv"), f"{name}._bn2")
        x = y + x if stride == 1 and width == outputs else y
    x = F.relu6(norm(conv(x, "_conv_head"), "_bn1"))
    return x.mean(dim=(2, 3))


request = json.load(sys.stdin)
state = weights()
torch.save(state, request["path"])
answers = []
for height, width in request["sizes"]:
    pictures = torch.rand((2, 3, height, width), generator=torch.Generator().manual_seed(height))
    answers.append(features(state, pictures).tolist())
json.dump(answers, sys.stdout)
