#!/usr/bin/env python3
"""Times steps of training with HF transformers (eager) and PyTorch's AdamW on a checkpoint folder. One JSON object on
the last line.

    hf_training.py MODEL DTYPE SEQUENCES TOKENS STEPS THREADS

A step is what `saker bench train` does: forward and backward pass, clipping by the global norm, AdamW, on the same
tokens. bf16: autocast over f32 parameters.
"""
import contextlib
import json
import sys
import time

import torch
import transformers

transformers.logging.set_verbosity_error()


def training_ids(count, vocabulary):
    """The generator of apps/bench_train.cpp."""
    ids, state = [], 1
    for _ in range(count):
        state = (1103515245 * state + 12345) & 0x7FFFFFFF
        ids.append((state >> 8) % vocabulary)
    return ids


class Training:
    def __init__(self, folder, dtype, sequences, tokens):
        self.model = transformers.FalconMambaForCausalLM.from_pretrained(folder, dtype=torch.float32).train()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1)
        ids = training_ids(sequences * tokens, self.model.config.vocab_size)
        self.ids = torch.tensor(ids).view(sequences, tokens)
        self.autocast = torch.autocast("cpu", torch.bfloat16) if dtype == "bf16" else contextlib.nullcontext()

    def step(self):
        self.optimizer.zero_grad()
        with self.autocast:
            loss = self.model(self.ids, labels=self.ids, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return loss.item()


def main():
    folder, dtype = sys.argv[1:3]
    sequences, tokens, steps, threads = map(int, sys.argv[3:7])
    torch.set_num_threads(threads)
    training = Training(folder, dtype, sequences, tokens)
    rates, first_loss = [], None
    for _ in range(steps):
        begin = time.perf_counter()
        loss = training.step()
        rates.append(sequences * tokens / (time.perf_counter() - begin))
        first_loss = loss if first_loss is None else first_loss
    print(json.dumps({"first_loss": first_loss, "tokens_per_second": rates}))


if __name__ == "__main__":
    main()
