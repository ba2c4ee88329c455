"""The Python side of per-op.ts: prints one JSON line of microseconds an operator."""

import json
import timeit

import torch

torch.set_num_threads(1)
one = torch.ones(1)
tracked = torch.ones(1, requires_grad=True)
x, w, b = torch.randn(1, 64), torch.randn(64, 64), torch.randn(64)
linear = torch.nn.functional.linear


def best(call, number):
    return min(timeit.repeat(call, number=number, repeat=7)) / number * 1e6


def chain(start):
    y = start
    for _ in range(1000):
        y = y.add(one)


result = {}
with torch.no_grad():
    result["add of one element"] = best(lambda: one.add(one), 20000)
    result["linear 64x64"] = best(lambda: linear(x, w, b), 20000)
    result["chain of 1,000 adds, no grad"] = best(lambda: chain(one), 20) / 1000
result["add of one element, grad"] = best(lambda: tracked.add(one), 20000)
result["chain of 1,000 adds, grad"] = best(lambda: chain(tracked), 20) / 1000
print(json.dumps(result))
