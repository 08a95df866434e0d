#include "ops/op_table.h"

#include <hwy/targets.h>
#include <sched.h>

#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"

namespace saker {

namespace {

// Of backends for which a list is nothing but its parts.
template <auto kOperation, class Args>
void each(Stream& stream, std::span<const Args> list) {
  for (const Args& args : list) kOperation(stream, args);
}

constexpr OpTable kReference{
    .embedding = reference::embedding,
    .rms_norm = reference::rms_norm,
    .linear = reference::linear,
    .cast = reference::cast,
    .causal_conv1d = reference::causal_conv1d,
    .selective_scan = reference::selective_scan,
    .log_sum_exp = reference::log_sum_exp,
    .pick_columns = reference::pick_columns,
    .quantize = reference::quantize,
    .choose_tokens = reference::choose_tokens,
    .mixer_step = reference::mixer_step,
    .linear_backward = reference::linear_backward,
    .rms_norm_backward = reference::rms_norm_backward,
    .causal_conv1d_backward = reference::causal_conv1d_backward,
    .selective_scan_backward = reference::selective_scan_backward,
    .embedding_backward = reference::embedding_backward,
    .linear_cross_entropy = reference::linear_cross_entropy,
    .sum_of_squares = reference::sum_of_squares,
    .adamw = each<reference::adamw>,
    .adamw_8bit = reference::adamw_8bit,
    .negative_exp = reference::negative_exp,
};
constexpr OpTable kCpu{
    .embedding = cpu::embedding,
    .rms_norm = cpu::rms_norm,
    .linear = cpu::linear,
    .cast = cpu::cast,
    .causal_conv1d = cpu::causal_conv1d,
    .selective_scan = cpu::selective_scan,
    .log_sum_exp = cpu::log_sum_exp,
    .pick_columns = reference::pick_columns,
    .quantize = reference::quantize,
    .choose_tokens = reference::choose_tokens,  // infer/sampler.h is faster
    .mixer_step = nullptr,
    .linear_backward = cpu::linear_backward,
    .rms_norm_backward = cpu::rms_norm_backward,
    .causal_conv1d_backward = cpu::causal_conv1d_backward,
    .selective_scan_backward = cpu::selective_scan_backward,
    .embedding_backward = cpu::embedding_backward,
    .linear_cross_entropy = cpu::linear_cross_entropy,
    .sum_of_squares = cpu::sum_of_squares,
    .adamw = each<cpu::adamw>,
    .adamw_8bit = cpu::adamw_8bit,
    .negative_exp = cpu::negative_exp,
};

std::string_view environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value ? value : "";
}

// The operations by name.
template <class Visit>
void for_each_op(OpTable& table, const OpTable& other, const Visit& visit) {
  visit("embedding", table.embedding, other.embedding);
  visit("rms_norm", table.rms_norm, other.rms_norm);
  visit("linear", table.linear, other.linear);
  visit("cast", table.cast, other.cast);
  visit("causal_conv1d", table.causal_conv1d, other.causal_conv1d);
  visit("selective_scan", table.selective_scan, other.selective_scan);
  visit("log_sum_exp", table.log_sum_exp, other.log_sum_exp);
  visit("linear_backward", table.linear_backward, other.linear_backward);
  visit("rms_norm_backward", table.rms_norm_backward, other.rms_norm_backward);
  visit("causal_conv1d_backward", table.causal_conv1d_backward, other.causal_conv1d_backward);
  visit("selective_scan_backward", table.selective_scan_backward, other.selective_scan_backward);
  visit("embedding_backward", table.embedding_backward, other.embedding_backward);
  visit("linear_cross_entropy", table.linear_cross_entropy, other.linear_cross_entropy);
  visit("sum_of_squares", table.sum_of_squares, other.sum_of_squares);
  visit("adamw", table.adamw, other.adamw);
  visit("adamw_8bit", table.adamw_8bit, other.adamw_8bit);
  visit("negative_exp", table.negative_exp, other.negative_exp);
}

void use_reference(OpTable& table, std::string_view op) {
  bool found = false;
  std::string known;
  for_each_op(table, kReference, [&](std::string_view name, auto& entry, auto reference) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", name);
    if (name != op) return;
    entry = reference;
    found = true;
  });
  SAKER_CHECK(found, ErrorCode::invalid_argument, "[backend] SAKER_OP_REFERENCE names {}; found {}", known, quoted(op));
}

// The CPU's table with the operations of SAKER_OP_REFERENCE exchanged. Made once.
const OpTable& cpu_table() {
  static const OpTable table = [] {
    OpTable made = kCpu;
    for (std::string_view rest = environment("SAKER_OP_REFERENCE"); !rest.empty();) {
      const size_t comma = rest.find(',');
      use_reference(made, rest.substr(0, comma));
      rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
    }
    return made;
  }();
  return table;
}

// Highway chooses the best instruction set at the first dispatch; SAKER_CPU_ISA caps it.
void limit_instruction_set() {
  const std::string_view isa = environment("SAKER_CPU_ISA");
  if (isa.empty()) return;
  constexpr int64_t kAvx2AndBetter = HWY_AVX2 | HWY_AVX3 | HWY_AVX3_DL;
  if (isa == "baseline")
    hwy::DisableTargets(kAvx2AndBetter | HWY_SSSE3 | HWY_SSE4);
  else if (isa == "avx2")
    hwy::DisableTargets(kAvx2AndBetter & ~HWY_AVX2);
  else
    SAKER_CHECK(isa == "avx512", ErrorCode::invalid_argument,
                "[backend] SAKER_CPU_ISA is baseline, avx2 or avx512; found {}", quoted(isa));
}

int usable_cores() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

// The GPU numbered `wanted`, or of several the one with the most free memory.
Backend open_cuda(int threads, int wanted) {
  const std::vector<GpuInfo> gpus = list_gpus();
  SAKER_CHECK(!gpus.empty(), ErrorCode::unsupported, "[device] {}", why_no_gpu());
  const GpuInfo* chosen = nullptr;
  std::string there;
  for (const GpuInfo& gpu : gpus) {
    there += fmt::format("{}{}", there.empty() ? "" : ", ", gpu.index);
    if (wanted < 0 ? !chosen || gpu.free_bytes > chosen->free_bytes : gpu.index == wanted) chosen = &gpu;
  }
  SAKER_CHECK(chosen, ErrorCode::invalid_argument, "[device] GPU {} is not there; there is {}", wanted, there);
  return {BackendKind::cuda, cuda_op_table(), threads, chosen->index};
}

}  // namespace

Backend open_backend(BackendKind kind, int threads, int gpu) {
  SAKER_CHECK(threads >= 0 && threads <= 1024, ErrorCode::invalid_argument,
              "[backend] threads: 1 to 1024, or 0 for one per core; found {}", threads);
  if (threads == 0) threads = usable_cores();
  if (kind == BackendKind::reference) return {kind, &kReference, threads};
  limit_instruction_set();
  return kind == BackendKind::cuda ? open_cuda(threads, gpu) : Backend{kind, &cpu_table(), threads};
}

Backend open_backend(int threads) {
  const std::string_view kind = environment("SAKER_BACKEND");
  if (kind == "reference") return open_backend(BackendKind::reference, threads);
  if (kind == "cuda") return open_backend(BackendKind::cuda, threads);
  SAKER_CHECK(kind.empty() || kind == "cpu", ErrorCode::invalid_argument,
              "[backend] SAKER_BACKEND is reference, cpu or cuda; found {}", quoted(kind));
  return open_backend(BackendKind::cpu, threads);
}

Backend host_backend(const Backend& backend) {
  return backend.place().on_host() ? backend : open_backend(BackendKind::cpu, backend.threads);
}

Backend open_device(std::string_view device, int threads) {
  if (device == "auto") {
    if (!environment("SAKER_BACKEND").empty() || list_gpus().empty()) return open_backend(threads);
    return open_backend(BackendKind::cuda, threads);
  }
  if (device == "cpu") return open_backend(threads);
  constexpr std::string_view kNumbered = "cuda:";
  int gpu = -1;
  bool valid = device == "cuda";
  if (device.starts_with(kNumbered)) {
    const char* end = device.data() + device.size();
    const auto [stop, error] = std::from_chars(device.data() + kNumbered.size(), end, gpu);
    valid = error == std::errc() && stop == end && gpu >= 0;
  }
  SAKER_CHECK(valid, ErrorCode::invalid_argument, "[device] expected auto, cpu, cuda or cuda:N, found {}",
              saker::quoted(device));
  return open_backend(BackendKind::cuda, threads, gpu);
}

}  // namespace saker
