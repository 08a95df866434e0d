// The operations of the stand-in: the CPU's, when its work is done, or the reference's where activations are in bf16,
// which the CPU does not have. Lists are read where they were staged.
#include <span>
#include <type_traits>

#include "core/error.h"
#include "gpu_stand_in/stand_in.h"
#include "ops/op_table.h"

namespace saker {

namespace {

template <class T>
std::span<const T> on_gpu(Stream& stream, std::span<const T> list) {
  return {static_cast<const T*>(stream.gpu().staged(list.data(), list.size_bytes())), list.size()};
}

template <class Args>
Args staged(Stream& stream, Args args) {
  if constexpr (requires { args.ids; }) args.ids = on_gpu(stream, args.ids);
  if constexpr (requires { args.labels; }) args.labels = on_gpu(stream, args.labels);
  if constexpr (requires { args.segments; }) args.segments = on_gpu(stream, args.segments);
  return args;
}

Stream& host_stream() {
  static Stream stream(open_backend(BackendKind::cpu, 2));
  return stream;
}

template <auto kOperation, class Args>
void queued(Stream& stream, const Args& args) {
  put_on_stand_in(stream.gpu(), [held = staged(stream, args)] { kOperation(host_stream(), held); });
}

bool is_rounded(const LinearArgs& args) {
  return args.y.dtype == DType::bf16;
}
bool is_rounded(const CausalConv1dArgs& args) {
  return args.x.dtype == DType::bf16;
}
bool is_rounded(const SelectiveScanArgs& args) {
  return args.delta.dtype == DType::bf16;
}
bool is_rounded(const LinearBackwardArgs& args) {
  return args.dy.dtype == DType::bf16 || (args.dx && args.dx.dtype == DType::bf16);
}
bool is_rounded(const CausalConv1dBackwardArgs& args) {
  return args.x.dtype == DType::bf16;
}
bool is_rounded(const SelectiveScanBackwardArgs& args) {
  return args.dy.dtype == DType::bf16;
}
bool is_rounded(const RmsNormBackwardArgs& args) {
  return args.dy.dtype == DType::bf16 || args.rounded;
}

template <auto kOnCpu, auto kReference, class Args>
void either_queued(Stream& stream, const Args& args) {
  is_rounded(args) ? queued<kReference>(stream, args) : queued<kOnCpu>(stream, args);
}

template <auto kOperation, class Args>
void each_queued(Stream& stream, std::span<const Args> list) {
  for (const Args& args : list) queued<kOperation>(stream, args);
}

template <class Args>
void not_here(Stream&, const Args&) {
  fail(ErrorCode::unsupported, "[stand-in] it trains, and does nothing else");
}

constexpr OpTable kStandIn{
    .embedding = queued<cpu::embedding>,
    .rms_norm = queued<cpu::rms_norm>,
    .linear = either_queued<cpu::linear, reference::linear>,
    .cast = queued<cpu::cast>,
    .causal_conv1d = either_queued<cpu::causal_conv1d, reference::causal_conv1d>,
    .selective_scan = either_queued<cpu::selective_scan, reference::selective_scan>,
    .log_sum_exp = not_here,
    .pick_columns = not_here,
    .quantize = not_here,
    .choose_tokens = not_here,
    .mixer_step = nullptr,
    .linear_backward = either_queued<cpu::linear_backward, reference::linear_backward>,
    .rms_norm_backward = either_queued<cpu::rms_norm_backward, reference::rms_norm_backward>,
    .causal_conv1d_backward = either_queued<cpu::causal_conv1d_backward, reference::causal_conv1d_backward>,
    .selective_scan_backward = either_queued<cpu::selective_scan_backward, reference::selective_scan_backward>,
    .embedding_backward = queued<cpu::embedding_backward>,
    .linear_cross_entropy = queued<cpu::linear_cross_entropy>,
    .sum_of_squares = queued<cpu::sum_of_squares>,
    .adamw = each_queued<cpu::adamw>,
    .adamw_8bit = queued<cpu::adamw_8bit>,
    .negative_exp = queued<cpu::negative_exp>,
};

}  // namespace

const OpTable* cuda_op_table() {
  return &kStandIn;
}

}  // namespace saker
