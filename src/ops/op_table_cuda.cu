#include "ops/op_table.h"

namespace saker {

namespace {

constexpr OpTable kCuda{
    .embedding = cuda::embedding,
    .rms_norm = cuda::rms_norm,
    .linear = cuda::linear,
    .cast = cuda::cast,
    .causal_conv1d = cuda::causal_conv1d,
    .selective_scan = cuda::selective_scan,
    .log_sum_exp = cuda::log_sum_exp,
    .pick_columns = cuda::pick_columns,
    .quantize = cuda::quantize,
    .choose_tokens = cuda::choose_tokens,
    .mixer_step = cuda::mixer_step,
    .linear_backward = cuda::linear_backward,
    .rms_norm_backward = cuda::rms_norm_backward,
    .causal_conv1d_backward = cuda::causal_conv1d_backward,
    .selective_scan_backward = cuda::selective_scan_backward,
    .embedding_backward = cuda::embedding_backward,
    .linear_cross_entropy = cuda::linear_cross_entropy,
    .sum_of_squares = cuda::sum_of_squares,
    .adamw = cuda::adamw,
    .adamw_8bit = cuda::adamw_8bit,
    .negative_exp = cuda::negative_exp,
};

}  // namespace

const OpTable* cuda_op_table() {
  return &kCuda;
}

}  // namespace saker
