"""Times every program in turn on the same checkpoint: A B C, A B C, ...

The memory of a shared machine can change its speed by half from one minute to the next. So the ceilings are measured
in every round too, and a ratio is the median of the rounds' own ratios, not a ratio of medians.
"""
import json
import os
import time
from statistics import median

from .install import output_of, say
from .models import checkpoint

BATCH = 8
BATCH_TARGET = 4.0  # times our own rate at batch 1
HF_ROUNDS = 2       # slow, and no target depends on it
REPEATS_IN_ROUND = 2


def idle_seconds():
    """Of all cores since boot."""
    with open("/proc/uptime") as file:
        return float(file.read().split()[1])


def cores_in_use():
    """By others, while this program sleeps: what they take is missing in every figure."""
    idle, start = idle_seconds(), time.monotonic()
    time.sleep(1)
    return max(0.0, os.cpu_count() - (idle_seconds() - idle) / (time.monotonic() - start))


def time_llama(peers, gguf, model, threads):
    runs = json.loads(output_of([peers.llama_bench, "-m", gguf, "-p", model.prefill_tokens, "-n", model.decode_tokens,
                                 "-t", threads, "-r", REPEATS_IN_ROUND, "-o", "json"]))
    return {"prefill" if run["n_prompt"] else "decode": median(run["samples_ts"]) for run in runs}


def time_saker(saker, folder, prefill_tokens, decode_tokens, batch, threads):
    out = output_of([saker, "bench", "--model", folder, "-p", prefill_tokens, "-n", decode_tokens, "-b", batch,
                     "-r", REPEATS_IN_ROUND, "--device", "cpu", "--threads", threads, "--json"])
    result = json.loads(out.splitlines()[-1])
    return {"prefill": result["prefill_tokens_per_second"]["median"],
            "decode": result["decode_tokens_per_second"]["median"], "ceiling": result["ceiling"]}


def time_hf(peers, folder, model, threads):
    out = peers.run_python("hf.py", "time", folder, model.prefill_tokens, model.decode_tokens, threads)
    return json.loads(out.splitlines()[-1])


def product_rate(peers, model, dtype, threads):
    shapes = ",".join(f"{rows}x{columns}" for rows, columns in model.products)
    return json.loads(peers.run_python("ceilings.py", threads, dtype, model.prefill_tokens, shapes))["gflops"]


def measure_round(peers, saker, model, dtype, threads, with_hf):
    folder, gguf = checkpoint(peers, saker, model, dtype)
    result = {"cores_in_use": cores_in_use(),
              "product_gflops": product_rate(peers, model, dtype, threads),
              "llama.cpp": time_llama(peers, gguf, model, threads),
              "read_gbs": float(output_of([peers.read_bandwidth, threads])),
              "saker": time_saker(saker, folder, model.prefill_tokens, model.decode_tokens, 1, threads),
              "saker_batch": time_saker(saker, folder, 16, model.decode_tokens, BATCH, threads)}
    if with_hf:
        result["hf"] = time_hf(peers, folder, model, threads)
    return result


def measure(peers, saker, model, dtype, threads, rounds, with_hf):
    """Rows of the table for one checkpoint, and the rounds they come from."""
    measured = []
    for number in range(rounds):
        say(f"{model.name} {dtype}: round {number + 1} of {rounds}")
        measured.append(measure_round(peers, saker, model, dtype, threads, with_hf and number < HF_ROUNDS))
    return {"model": model.name, "dtype": dtype,
            "cores_in_use": median(r["cores_in_use"] for r in measured),
            "read_gbs": median(r["read_gbs"] for r in measured),
            "product_gflops": median(r["product_gflops"] for r in measured),
            "rows": [prefill_row(model, measured), decode_row(model, dtype, measured),
                     batch_row(model, dtype, measured)],
            "rounds": measured}


def rates_of(program, work, measured):
    rates = [r[program][work] for r in measured if program in r]
    return median(rates) if rates else None


def row(work, measured, kind, target, shares, share_target=None):
    ratio = median(r["saker"][kind] / r["llama.cpp"][kind] for r in measured)
    share = median(shares)
    return {"work": work, "saker": rates_of("saker", kind, measured), "llama.cpp": rates_of("llama.cpp", kind, measured),
            "hf": rates_of("hf", kind, measured), "ratio": ratio, "target": target, "share": share,
            "share_target": share_target, "pass": ratio >= target and share >= (share_target or 0)}


def prefill_row(model, measured):
    gflops_per_token = model.flops_per_token() / 1e9
    shares = [r["saker"]["prefill"] * gflops_per_token / r["product_gflops"] for r in measured]
    return row(f"prefill {model.prefill_tokens}", measured, "prefill", model.prefill_target, shares)


def decode_shares(model, dtype, measured, program, batch):
    gigabytes = model.bytes_per_step(dtype, batch) / batch / 1e9
    return [r[program]["decode"] * gigabytes / r["read_gbs"] for r in measured]


def decode_row(model, dtype, measured):
    return row(f"decode {model.decode_tokens}", measured, "decode", model.decode_target,
               decode_shares(model, dtype, measured, "saker", 1), model.decode_share_target)


def batch_row(model, dtype, measured):
    """Eight sequences at once beside our own rate of one."""
    ratio = median(r["saker_batch"]["decode"] / r["saker"]["decode"] for r in measured)
    return {"work": f"decode {model.decode_tokens}, {BATCH} at once", "saker": rates_of("saker_batch", "decode", measured),
            "llama.cpp": None, "hf": None, "ratio": ratio, "target": BATCH_TARGET, "of": "our batch 1",
            "share": median(decode_shares(model, dtype, measured, "saker_batch", BATCH)), "share_target": None,
            "pass": ratio >= BATCH_TARGET}
