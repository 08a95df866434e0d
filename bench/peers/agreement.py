"""Checks on a tiny model that Saker, llama.cpp and HF transformers compute the same function."""
import json

from .install import PeersError, output_of
from .models import TINY, checkpoint

PROMPT = "One function, three programs."
STEPS = 16
LARGEST_DIFFERENCE = 1e-3  # of float32 logits, relative to their largest
CLEAR_MARGIN = 1e-3        # between the first and second logit; below it the programs may choose differently


def compare_greedy(name, ids, expected):
    """Greedy ids must be equal up to the first near-tie."""
    for step, (chosen, wanted, margin) in enumerate(zip(ids, expected["greedy"], expected["margins"])):
        if chosen != wanted and margin < CLEAR_MARGIN:
            return
        if chosen != wanted:
            raise PeersError(f"{name} computes another function than HF: greedy token {step} is {chosen}, "
                             f"expected {wanted} (margin {margin:.3g})")


def check_agreement(peers, saker):
    """Returns the relative difference of llama.cpp's logits from HF's; raises when somebody computes otherwise."""
    folder, gguf = checkpoint(peers, saker, TINY, "f32")
    ours = json.loads(output_of([saker, "generate", "--model", folder, "-p", PROMPT, "-n", STEPS, "--temperature", 0,
                                 "--ignore-eos", "--json"]).splitlines()[-1])
    ids = ",".join(map(str, ours["prompt_ids"]))
    hf = json.loads(peers.run_python("hf.py", "logits", folder, ids, STEPS).splitlines()[-1])
    llama = json.loads(output_of([peers.llama_logits, gguf, ids, STEPS]))
    scale = max(map(abs, hf["logits"]))
    difference = max(abs(a - b) for a, b in zip(llama["logits"], hf["logits"])) / scale
    if difference > LARGEST_DIFFERENCE:
        raise PeersError(f"llama.cpp computes another function than HF: logits differ by {difference:.3g} relative")
    compare_greedy("llama.cpp", llama["greedy"], hf)
    compare_greedy("saker", ours["ids"], hf)
    return difference
