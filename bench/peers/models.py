"""The checkpoints that are measured: their shapes, what a token of them costs, and how they are made."""
import json
import shutil
from dataclasses import dataclass

from .install import output_of, say

ELEMENT_BYTES = {"f32": 4, "bf16": 2, "f16": 2}


@dataclass(frozen=True)
class Model:
    """A Falcon Mamba layout, the token counts to measure, and the targets as multiples of llama.cpp."""
    name: str
    layers: int
    width: int
    dtypes: tuple
    prefill_tokens: int
    decode_tokens: int
    prefill_target: float
    decode_target: float
    decode_share_target: float | None = None  # of the read bandwidth measured in the run
    vocabulary: int = 65024
    states: int = 16
    taps: int = 4

    @property
    def inner(self):
        return 2 * self.width

    @property
    def rank(self):
        return -(-self.width // 16)

    @property
    def products(self):
        """Shapes [out, in] of the matrices of one layer."""
        return [(2 * self.inner, self.width), (self.rank + 2 * self.states, self.inner), (self.inner, self.rank),
                (self.width, self.inner)]

    def flops_per_token(self):
        """Of the layers' matrix products; the head runs once a prompt."""
        return 2 * self.layers * sum(rows * columns for rows, columns in self.products)

    def bytes_per_step(self, dtype, batch=1):
        """What a decode step has to move: the weights once; each sequence's state read and written."""
        matrices = self.layers * sum(rows * columns for rows, columns in self.products) + self.vocabulary * self.width
        vectors = self.layers * (self.inner * (self.states + self.taps + 3) + self.width) + self.width
        state = self.layers * self.inner * (self.states + self.taps - 1)
        return matrices * ELEMENT_BYTES[dtype] + 4 * vectors + batch * 2 * 4 * state

    def config(self):
        return {"model_type": "falcon_mamba", "architectures": ["FalconMambaForCausalLM"],
                "vocab_size": self.vocabulary, "hidden_size": self.width, "intermediate_size": self.inner,
                "num_hidden_layers": self.layers, "state_size": self.states, "conv_kernel": self.taps,
                "time_step_rank": self.rank, "expand": 2, "use_bias": False, "use_conv_bias": True,
                "hidden_act": "silu", "layer_norm_epsilon": 1e-5,
                "mixer_rms_eps": 1e-5,  # GGUF has one epsilon for all norms
                "tie_word_embeddings": False, "residual_in_fp32": True, "rescale_prenorm_residual": False,
                "initializer_range": 0.1, "time_step_scale": 1.0, "time_step_min": 0.001, "time_step_max": 0.1,
                "time_step_floor": 1e-4, "time_step_init_scheme": "random", "use_cache": True,
                "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}


MODELS = {model.name: model for model in (
    Model("24x768", layers=24, width=768, dtypes=("bf16", "f32", "f16"), prefill_tokens=512, decode_tokens=128,
          prefill_target=3.0, decode_target=1.25),
    Model("48x2048", layers=48, width=2048, dtypes=("bf16",), prefill_tokens=256, decode_tokens=32,
          prefill_target=2.5, decode_target=1.1, decode_share_target=0.9))}

TINY = Model("tiny", layers=2, width=64, dtypes=("f32",), prefill_tokens=0, decode_tokens=0, prefill_target=0,
             decode_target=0, vocabulary=320)


def checkpoint(peers, saker, model, dtype):
    """The folder of the checkpoint with random weights and the same as a GGUF file; made when absent."""
    folder = peers.folder / "models" / f"{model.name}-{dtype}"
    if not folder.exists():
        say(f"making the checkpoint {folder.name}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        config = folder.with_suffix(".config.json")
        config.write_text(json.dumps(model.config()))
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        output_of([saker, "init", "--config", config, "--seed", 1, "--dtype", dtype, "--out", unfinished])
        unfinished.rename(folder)
    gguf = folder.with_suffix(".gguf")
    if not gguf.exists():
        unfinished = gguf.with_suffix(".gguf.unfinished")
        peers.run_python("to_gguf.py", folder, unfinished)
        unfinished.rename(gguf)
    return folder, gguf
