// One operation on the cases of its test that have the shapes of real models.

#include <fmt/format.h>

#include <chrono>
#include <map>

#include "apps/bench.h"
#include "apps/ceilings.h"
#include "apps/machine.h"
#include "apps/spread.h"
#include "core/error.h"
#include "ops/adamw/adamw_8bit_cases.h"
#include "ops/adamw/adamw_cases.h"
#include "ops/cast/cast_cases.h"
#include "ops/causal_conv1d/causal_conv1d_backward_cases.h"
#include "ops/causal_conv1d/causal_conv1d_cases.h"
#include "ops/embedding/embedding_backward_cases.h"
#include "ops/embedding/embedding_cases.h"
#include "ops/linear/linear_backward_cases.h"
#include "ops/linear/linear_cases.h"
#include "ops/linear_cross_entropy/linear_cross_entropy_cases.h"
#include "ops/log_sum_exp/log_sum_exp_cases.h"
#include "ops/negative_exp/negative_exp_cases.h"
#include "ops/rms_norm/rms_norm_backward_cases.h"
#include "ops/rms_norm/rms_norm_cases.h"
#include "ops/selective_scan/selective_scan_backward_cases.h"
#include "ops/selective_scan/selective_scan_cases.h"
#include "ops/sum_of_squares/sum_of_squares_cases.h"

namespace saker::apps {

namespace {

using Cases = std::vector<OpCase> (*)();

const std::map<std::string, Cases>& all_cases() {
  static const std::map<std::string, Cases> cases{
      {"cast", cast_cases},
      {"sum_of_squares", sum_of_squares_cases},
      {"negative_exp", negative_exp_cases},
      {"selective_scan_backward", selective_scan_backward_cases},
      {"rms_norm_backward", rms_norm_backward_cases},
      {"linear_cross_entropy", linear_cross_entropy_cases},
      {"linear_backward", linear_backward_cases},
      {"embedding_backward", embedding_backward_cases},
      {"causal_conv1d_backward", causal_conv1d_backward_cases},
      {"adamw", adamw_cases},
      {"adamw_8bit", adamw_8bit_cases},
      {"causal_conv1d", causal_conv1d_cases},
      {"embedding", embedding_cases},
      {"linear", linear_cases},
      {"log_sum_exp", log_sum_exp_cases},
      {"rms_norm", rms_norm_cases},
      {"selective_scan", selective_scan_cases},
      {"selective_scan_keeping", selective_scan_keeping_cases},
  };
  return cases;
}

std::vector<OpCase> cases_of(const std::string& op) {
  const auto found = all_cases().find(op);
  if (found != all_cases().end()) return found->second();
  std::string known;
  for (const auto& [name, cases] : all_cases()) known += (known.empty() ? "" : ", ") + name;
  fail(ErrorCode::invalid_argument, "[bench] --op: expected one of {}; found {}", known, saker::quoted(op));
}

// Seconds of one run, by repeats of at least a tenth of a second.
Spread time_case(const OpCase& test, Stream& stream, int repeats) {
  using Clock = std::chrono::steady_clock;
  const auto problem = test.make();
  problem->run(stream);
  std::vector<double> seconds;
  if (stream.on_gpu()) {
    constexpr int kRuns = 20;
    for (int repeat = 0; repeat < repeats; ++repeat)
      seconds.push_back(stream.gpu().time([&] {
        for (int run = 0; run < kRuns; ++run) problem->run(stream);
      }) / kRuns);
    return Spread(seconds);
  }
  for (int repeat = 0; repeat < repeats; ++repeat) {
    int64_t runs = 0;
    const auto begin = Clock::now();
    double elapsed = 0.0;
    do {
      problem->run(stream);
      ++runs;
      elapsed = std::chrono::duration<double>(Clock::now() - begin).count();
    } while (elapsed < 0.1);
    seconds.push_back(elapsed / static_cast<double>(runs));
  }
  return Spread(seconds);
}

Ceilings measure_ceilings(const Backend& backend, DType dtype) {
  if (!backend.place().on_host()) return measure_gpu(backend, dtype);
  const MemoryBandwidth bandwidth = measure_bandwidth(backend.threads);
  return {bandwidth.read, bandwidth.copy, measure_product(backend, dtype, 512, 4096, 2048)};
}

}  // namespace

void bench_op(const BenchOptions& options) {
  const std::vector<OpCase> cases = cases_of(options.op);
  const Backend backend = open_device(options.model.device);
  Stream stream(backend);
  const Ceilings f32 = measure_ceilings(backend, DType::f32), bandwidth = measure_ceilings(backend, DType::bf16);
  const double product_f32 = f32.product, product_bf16 = bandwidth.product;
  nlohmann::ordered_json out{{"op", options.op},
                             {"ceiling",
                              {{"read_bytes_per_second", bandwidth.read},
                               {"copy_bytes_per_second", bandwidth.copy},
                               {"product_flops_per_second", {{"f32", product_f32}, {"bf16", product_bf16}}}}}};
  if (!options.json)
    fmt::print("ceilings: read {:.1f} GB/s, copy {:.1f} GB/s, products f32 {:.0f}, bf16 {:.0f} GFLOP/s; {} threads\n",
               bandwidth.read / 1e9, bandwidth.copy / 1e9, product_f32 / 1e9, product_bf16 / 1e9, backend.threads);
  for (const OpCase& test : cases) {
    if (!test.benchmark || (!test.on_cpu && backend.kind == BackendKind::cpu)) continue;
    const Spread seconds = time_case(test, stream, options.repeats);
    const double bytes = test.bytes / seconds.median, flops = test.flops / seconds.median;
    out["cases"].push_back({{"name", test.name},
                            {"seconds", seconds.json()},
                            {"bytes_per_second", bytes},
                            {"flops_per_second", flops},
                            {"share_of_read_ceiling", bytes / bandwidth.read}});
    if (!options.json)
      fmt::print("{:<48} {:>10.1f} us {:>8.1f} GB/s {:>4.0f}% {:>8.1f} GFLOP/s\n", test.name, 1e6 * seconds.median,
                 bytes / 1e9, 100.0 * bytes / bandwidth.read, flops / 1e9);
  }
  out["machine"] = {{"cpu", this_machine().processor}, {"isa", this_machine().isa}, {"threads", backend.threads}};
  out["commit"] = commit();
  if (options.json) fmt::print("{}\n", out.dump());
}

}  // namespace saker::apps
