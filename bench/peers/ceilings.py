#!/usr/bin/env python3
"""The rate of PyTorch's dense products (oneDNN on x86) for weights of a dtype; prints GFLOP/s as JSON.

    ceilings.py THREADS DTYPE ROWS OUTxIN,OUTxIN,...

The shapes are multiplied one after the other, many different weights of each, as the layers of a model are: the rate
is all their work over all their time, with weights that come from memory and activations that are random.
"""
import json
import sys
import time

import torch

# Few processors multiply f16; the others do better to widen it first.
DTYPES = {"f32": [torch.float32], "bf16": [torch.bfloat16], "f16": [torch.float16, torch.float32]}
COPIES = 8
PASSES = 4


def product_rate(dtype, rows, shapes):
    inputs = [torch.randn(rows, columns).to(dtype) for _, columns in shapes]
    weights = [[torch.randn(shape).to(dtype) for shape in shapes] for _ in range(COPIES)]
    best = float("inf")
    for _ in range(PASSES):  # the first one warms up
        start = time.perf_counter()
        for layer in weights:
            for x, weight in zip(inputs, layer):
                torch.nn.functional.linear(x, weight)
        best = min(best, time.perf_counter() - start)
    work = COPIES * sum(2 * rows * out * columns for out, columns in shapes)
    return work / best


if __name__ == "__main__":
    threads, dtypes, rows = int(sys.argv[1]), DTYPES[sys.argv[2]], int(sys.argv[3])
    shapes = [tuple(map(int, shape.split("x"))) for shape in sys.argv[4].split(",")]
    torch.set_num_threads(threads)
    with torch.no_grad():
        best = max(product_rate(dtype, rows, shapes) for dtype in dtypes)
    print(json.dumps({"gflops": best / 1e9}))
