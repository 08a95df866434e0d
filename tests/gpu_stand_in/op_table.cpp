// The operations of the stand-in: the CPU's, when its work is done. Lists are read where they were staged.
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
    .linear = queued<cpu::linear>,
    .cast = queued<cpu::cast>,
    .causal_conv1d = queued<cpu::causal_conv1d>,
    .selective_scan = queued<cpu::selective_scan>,
    .log_sum_exp = not_here,
    .pick_columns = not_here,
    .quantize = not_here,
    .choose_tokens = not_here,
    .mixer_step = nullptr,
    .linear_backward = queued<cpu::linear_backward>,
    .rms_norm_backward = queued<cpu::rms_norm_backward>,
    .causal_conv1d_backward = queued<cpu::causal_conv1d_backward>,
    .selective_scan_backward = queued<cpu::selective_scan_backward>,
    .embedding_backward = queued<cpu::embedding_backward>,
    .linear_cross_entropy = queued<cpu::linear_cross_entropy>,
    .sum_of_squares = queued<cpu::sum_of_squares>,
    .adamw = each_queued<cpu::adamw>,
    .adamw_8bit = queued<cpu::adamw_8bit>,
    .negative_exp = queued<cpu::negative_exp>,
    .split_masters = queued<cpu::split_masters>,
    .join_masters = queued<cpu::join_masters>,
};

}  // namespace

const OpTable* cuda_op_table() {
  return &kStandIn;
}

}  // namespace saker
