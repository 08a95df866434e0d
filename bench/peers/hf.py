#!/usr/bin/env python3
"""Times HF transformers (eager) on a checkpoint folder, or prints its logits. One JSON object on the last line.

    hf.py time MODEL PREFILL_TOKENS DECODE_TOKENS THREADS
    hf.py logits MODEL ID,ID,... STEPS
"""
import json
import sys
import time

import torch
import transformers

transformers.logging.set_verbosity_error()
CLASSES = {"falcon_mamba": transformers.FalconMambaForCausalLM, "mamba": transformers.MambaForCausalLM}


def load(folder):
    config = transformers.AutoConfig.from_pretrained(folder)
    return CLASSES[config.model_type].from_pretrained(folder, dtype="auto").eval()


def prefill(model, ids):
    out = model(ids, use_cache=True, logits_to_keep=1)
    return out.logits[:, -1], out.cache_params


def step(model, ids, cache):
    return model(ids, cache_params=cache, use_cache=True).logits[:, -1]


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def timed(folder, prefill_tokens, decode_tokens, threads):
    torch.set_num_threads(threads)
    model = load(folder)
    prompt = torch.randint(model.config.vocab_size, (1, prefill_tokens))
    ids = torch.randint(model.config.vocab_size, (decode_tokens, 1, 1))
    _, cache = prefill(model, prompt[:, :16])
    step(model, ids[0], cache)
    return {"prefill": prefill_tokens / seconds(lambda: prefill(model, prompt)),
            "decode": decode_tokens / seconds(lambda: [step(model, token, cache) for token in ids])}


def computed(folder, ids, steps):
    model = load(folder)
    first, cache = prefill(model, torch.tensor([ids]))
    greedy, margins, logits = [], [], first
    for _ in range(steps):
        best = logits[0].float().topk(2)
        greedy.append(best.indices[0].item())
        margins.append((best.values[0] - best.values[1]).item())
        logits = step(model, torch.tensor([[greedy[-1]]]), cache)
    return {"logits": first[0].float().tolist(), "greedy": greedy, "margins": margins}


if __name__ == "__main__":
    with torch.no_grad():
        if sys.argv[1] == "time":
            result = timed(sys.argv[2], *map(int, sys.argv[3:6]))
        else:
            result = computed(sys.argv[2], [int(i) for i in sys.argv[3].split(",")], int(sys.argv[4]))
    print(json.dumps(result))
