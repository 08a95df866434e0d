#!/usr/bin/env python3
"""The text for the tokenizer's measurement, and how fast HF's `tokenizers` library encodes it on one thread.

    hf_tokenizer.py sample CORPUS.jsonl.zst BYTES OUT.jsonl
    hf_tokenizer.py time TOKENIZER.json SAMPLE.jsonl

`time` prints JSON: bytes of text, tokens, bytes per second.
"""
import io
import json
import os
import sys
import time

os.environ["RAYON_NUM_THREADS"] = "1"

WINDOW = 1 << 27  # the corpus is compressed with a window larger than zstd reads by itself


def sample(archive, size, out):
    """The first documents of the corpus, `size` bytes of text or a little more."""
    import zstandard
    with open(archive, "rb") as packed, open(out, "w", encoding="utf-8") as file:
        stream = zstandard.ZstdDecompressor(max_window_size=WINDOW).stream_reader(packed)
        for line in io.TextIOWrapper(stream, encoding="utf-8"):
            text = json.loads(line)["text"]
            file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
            size -= len(text.encode())
            if size <= 0:
                return


def timed(tokenizer_file, sample_file):
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(tokenizer_file)
    with open(sample_file, encoding="utf-8") as file:
        documents = [json.loads(line)["text"] for line in file]
    tokenizer.encode(documents[0])
    start = time.perf_counter()
    encoded = tokenizer.encode_batch_fast(documents, add_special_tokens=False)
    elapsed = time.perf_counter() - start
    size = sum(len(text.encode()) for text in documents)
    return {"bytes": size, "tokens": sum(len(e) for e in encoded), "bytes_per_second": size / elapsed}


if __name__ == "__main__":
    if sys.argv[1] == "sample":
        sample(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        print(json.dumps(timed(sys.argv[2], sys.argv[3])))
