#!/usr/bin/env python3
"""Writes a Falcon Mamba (or Mamba) checkpoint folder as a GGUF file that llama.cpp loads.

    to_gguf.py MODEL_FOLDER OUT.gguf

The tensors keep their bits, except A = -exp(A_log), which GGUF holds instead of A_log, and the small tensors that
llama.cpp wants in float32. The file has no tokenizer (`none`): it is for measuring, where token ids go in and out.
"""
import argparse
import json
import pathlib
import re

import gguf
import numpy as np
import torch
from safetensors import safe_open

FILE_TYPES = {torch.float32: gguf.LlamaFileType.ALL_F32, torch.float16: gguf.LlamaFileType.MOSTLY_F16,
              torch.bfloat16: gguf.LlamaFileType.MOSTLY_BF16}
GLOBAL_NAMES = {"backbone.embeddings.weight": "token_embd.weight", "backbone.norm_f.weight": "output_norm.weight",
                "lm_head.weight": "output.weight"}
LAYER_NAMES = {"norm.weight": "attn_norm.weight", "mixer.in_proj.weight": "ssm_in.weight",
               "mixer.conv1d.weight": "ssm_conv1d.weight", "mixer.conv1d.bias": "ssm_conv1d.bias",
               "mixer.x_proj.weight": "ssm_x.weight", "mixer.dt_proj.weight": "ssm_dt.weight",
               "mixer.dt_proj.bias": "ssm_dt.bias", "mixer.A_log": "ssm_a", "mixer.D": "ssm_d",
               "mixer.out_proj.weight": "ssm_out.weight"}
MULTIPLIED = {"token_embd", "output", "ssm_in", "ssm_x", "ssm_dt", "ssm_out"}  # matrices: kept in the stored dtype


def gguf_name(name):
    layer = re.fullmatch(r"backbone\.layers\.(\d+)\.(.+)", name)
    return f"blk.{layer[1]}.{LAYER_NAMES[layer[2]]}" if layer else GLOBAL_NAMES[name]


def is_matrix(name):
    parts = name.split(".")
    return parts[-1] == "weight" and parts[-2] in MULTIPLIED


def add_tensor(writer, name, tensor):
    if name.endswith("ssm_a"):
        tensor = -torch.exp(tensor.float())
    if name.endswith("ssm_conv1d.weight"):
        tensor = tensor.squeeze(1)  # [e, 1, k] -> [e, k]
    if not is_matrix(name):
        tensor = tensor.float()
    if tensor.dtype == torch.bfloat16:
        bits = tensor.contiguous().view(torch.uint8).numpy()
        writer.add_tensor(name, bits, raw_dtype=gguf.GGMLQuantizationType.BF16)
    else:
        writer.add_tensor(name, np.ascontiguousarray(tensor.numpy()))


def add_configuration(writer, config, file_type):
    writer.add_file_type(file_type)
    writer.add_context_length(1 << 20)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_ssm_conv_kernel(config["conv_kernel"])
    writer.add_ssm_inner_size(config["intermediate_size"])
    writer.add_ssm_state_size(config["state_size"])
    writer.add_ssm_time_step_rank(config["time_step_rank"])
    writer.add_ssm_dt_b_c_rms(config["model_type"] == "falcon_mamba")
    writer.add_layer_norm_rms_eps(config["layer_norm_epsilon"])
    writer.add_tokenizer_model("none")


def convert(folder, out):
    config = json.loads((folder / "config.json").read_text())
    writer = gguf.GGUFWriter(out, "mamba", use_temp_file=False)
    with_configuration = False
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():
                tensor = file.get_tensor(name)
                if not with_configuration and name == "backbone.embeddings.weight":
                    add_configuration(writer, config, FILE_TYPES[tensor.dtype])
                    with_configuration = True
                add_tensor(writer, gguf_name(name), tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    arguments = parser.parse_args()
    convert(arguments.folder, arguments.out)
