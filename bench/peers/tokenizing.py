"""Times the tokenizer beside HF's `tokenizers` library: one thread each, the Falcon vocabulary, the same documents."""
import json
from statistics import median

from .install import PeersError, output_of, say

SOURCES = ("web", "code", "math")
SAMPLE_BYTES = 8_000_000
TARGET = 10.0  # times HF


def sample(peers, corpus, source):
    """The first documents of a corpus as JSON Lines; made when absent."""
    path = peers.folder / "text" / f"{source}.jsonl"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        peers.run_python("hf_tokenizer.py", "sample", corpus / f"{source}.jsonl.zst", SAMPLE_BYTES, unfinished)
        unfinished.rename(path)
    return path


def time_saker(saker, tokenizer, text):
    out = output_of([saker, "bench", "--tokenizer", tokenizer, "--text", text, "-r", 1, "--json"])
    result = json.loads(out.splitlines()[-1])
    return {"tokens": result["tokens"], "bytes_per_second": result["tokenizer_bytes_per_second"]["median"]}


def measure_source(peers, saker, tokenizer, text, rounds):
    measured = []
    for _ in range(rounds):
        hf = json.loads(peers.run_python("hf_tokenizer.py", "time", tokenizer, text))
        ours = time_saker(saker, tokenizer, text)
        if ours["tokens"] != hf["tokens"]:
            raise PeersError(f"the tokenizers disagree on {text.stem}: saker {ours['tokens']} tokens, HF {hf['tokens']}")
        measured.append({"saker": ours["bytes_per_second"], "hf": hf["bytes_per_second"]})
    ratio = median(r["saker"] / r["hf"] for r in measured)
    return {"source": text.stem, "saker": median(r["saker"] for r in measured), "hf": median(r["hf"] for r in measured),
            "ratio": ratio, "target": TARGET, "pass": ratio >= TARGET, "rounds": measured}


def measure_tokenizers(peers, saker, shared, rounds):
    """A row for each kind of text; None when the folder with the corpus is absent."""
    tokenizer = shared / "tokenizer" / "falcon" / "tokenizer.json"
    if not tokenizer.exists() or not (shared / "corpus").exists():
        return None
    say("tokenizers")
    texts = [sample(peers, shared / "corpus", source) for source in SOURCES]
    return [measure_source(peers, saker, tokenizer, text, rounds) for text in texts]
