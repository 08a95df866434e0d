// Prefill and decode of a model on a GPU, beside what the GPU copies and multiplies in the same run.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "apps/bench.h"
#include "apps/ceilings.h"
#include "apps/interrupt.h"
#include "apps/machine.h"
#include "apps/model_cost.h"
#include "apps/spread.h"
#include "core/error.h"
#include "core/rng.h"
#include "io/read_file.h"
#include "model/checkpoint.h"
#include "ops/choose_tokens/choose_tokens.h"

namespace saker::apps {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Random weights are made on the GPU: nothing of their size travels.
FalconMamba make_model(const BenchOptions& options, const Backend& backend) {
  if (options.config.empty()) return load_model(options.model);
  const ModelConfig config = parse_config(read_file(options.config), options.config);
  const DType dtype = options.model.dtype.value_or(config.stored_dtype);
  return FalconMamba(
      init_weights_on_gpu(config, /*seed=*/1, is_quantized(dtype) ? DType::bf16 : dtype, backend.place()), backend,
      dtype);
}

std::vector<int32_t> random_ids(const ModelConfig& config, int64_t count) {
  const Rng rng(7);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i)
    ids.push_back(
        static_cast<int32_t>(rng.block(static_cast<uint64_t>(i))[0] % static_cast<uint32_t>(config.vocab_size)));
  return ids;
}

// Tokens per second of a prompt, from an empty state to the logits behind it.
std::vector<double> time_prefill(const FalconMamba& model, Workspace& workspace, int64_t tokens, int repeats) {
  const std::vector<int32_t> ids = random_ids(model.config(), tokens);
  std::vector<float> logits(static_cast<size_t>(model.config().vocab_size));
  RecurrentState state = model.new_state();
  std::vector<double> rates;
  for (int repeat = -1; repeat < repeats; ++repeat) {
    state.reset();
    const auto begin = Clock::now();
    model.prefill(workspace, ids, state, logits);
    if (repeat >= 0) rates.push_back(static_cast<double>(tokens) / seconds_since(begin));
  }
  return rates;
}

// Tokens per second of `b` sequences together: steps, the choice of the most likely tokens on the GPU, and their ids
// back, which are the next step's.
std::vector<double> time_decode(const FalconMamba& model, Workspace& workspace, int64_t b, int64_t steps, int repeats,
                                const Interrupt& interrupt) {
  StatePool pool = model.new_states(b);
  Tensor logits(DType::f32, {b, model.config().vocab_size}, model.backend().place());
  const std::vector<TokenChoice> choices(static_cast<size_t>(b), TokenChoice{.temperature = 0.0});
  std::vector<int64_t> slots;
  for (int64_t i = 0; i < b; ++i) slots.push_back(i);
  std::vector<int32_t> ids = random_ids(model.config(), b);
  const auto run = [&](int64_t count) {
    for (int64_t step = 0; step < count; ++step) {
      model.step(workspace, ids, slots, pool.view(), logits.view());
      choose_tokens(workspace.stream(), ids, logits.view(), choices);
    }
  };
  run(std::min<int64_t>(steps, 8));
  std::vector<double> rates;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    if (interrupt.requested()) fail(ErrorCode::cancelled, "interrupted");
    const auto begin = Clock::now();
    run(steps);
    rates.push_back(static_cast<double>(steps * b) / seconds_since(begin));
  }
  return rates;
}

// A line of the report: how fast one kind of work is, and what share of the ceiling that is.
struct Measured {
  int64_t size;  // tokens of the prompt, or sequences
  Spread rate;
  double first, last;  // rates of the first repeat and of the last
  double share;
};

nlohmann::ordered_json to_json(const std::vector<Measured>& lines, const char* size) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const Measured& line : lines)
    out.push_back({{size, line.size},
                   {"tokens_per_second", line.rate.json()},
                   {"first", line.first},
                   {"last", line.last},
                   {"share_of_ceiling", line.share}});
  return out;
}

void print(const char* work, const char* of, const std::vector<Measured>& lines) {
  for (const Measured& line : lines)
    fmt::print("{:<8} {:>8} {:<9} {:>10.1f} tokens/s ({:.1f} to {:.1f}): {:>3.0f}% of the ceiling\n", work, line.size,
               of, line.rate.median, line.rate.min, line.rate.max, 100.0 * line.share);
}

}  // namespace

void bench_model_on_gpu(const BenchOptions& options, const Backend& backend) {
  const Interrupt interrupt;
  const FalconMamba model = make_model(options, backend);
  const ModelConfig& config = model.config();
  const Ceilings before = measure_gpu(backend, model.dtype());
  const int64_t most = *std::max_element(options.sequences.begin(), options.sequences.end());
  const int64_t chunk = options.chunk > 0 ? options.chunk : Workspace::default_rows(backend);
  Workspace workspace(model, std::max(chunk, most));

  std::vector<Measured> prefill, decode;
  for (const int64_t tokens : options.prefill_tokens) {
    const std::vector<double> rates = time_prefill(model, workspace, tokens, options.repeats);
    const Spread rate(rates);
    prefill.push_back(
        {tokens, rate, rates.front(), rates.back(), rate.median * prefill_token_flops(config) / before.product});
  }
  for (const int64_t b : options.sequences) {
    const std::vector<double> rates =
        time_decode(model, workspace, b, options.decode_tokens, options.repeats, interrupt);
    const Spread rate(rates);
    const double bytes = decode_step_bytes(config, model.weights_dtype(), b);
    decode.push_back(
        {b, rate, rates.front(), rates.back(), rate.median / static_cast<double>(b) * bytes / before.copy});
  }
  GpuInfo gpu;
  for (const GpuInfo& there : list_gpus())
    if (there.index == backend.gpu) gpu = there;

  if (options.json) {
    const nlohmann::ordered_json out{
        {"model", options.config.empty() ? options.model.folder : options.config},
        {"parameters", config.parameters()},
        {"dtype", name(model.weights_dtype())},
        {"chunk", chunk},
        {"decode_tokens", options.decode_tokens},
        {"repeats", options.repeats},
        {"prefill_tokens_per_second", prefill.front().rate.json()},
        {"decode_tokens_per_second", decode.front().rate.json()},
        {"prefill", to_json(prefill, "tokens")},
        {"decode", to_json(decode, "sequences")},
        {"prefill_flops_per_token", prefill_token_flops(config)},
        {"ceiling",
         {{"copy_bytes_per_second", before.copy},
          {"product_flops_per_second", before.product},
          {"sustained_product_flops_per_second", before.sustained}}},
        {"share_of_ceiling", {{"prefill", prefill.front().share}, {"decode", decode.front().share}}},
        {"peak_memory_bytes", peak_memory_bytes()},
        {"gpu_memory_bytes", gpu.memory_bytes - gpu.free_bytes},
        {"machine",
         {{"backend", name(backend.kind)},
          {"gpu", gpu.name},
          {"compute_capability", fmt::format("{}.{}", gpu.major, gpu.minor)},
          {"gpu_memory_bytes", gpu.memory_bytes},
          {"cpu", this_machine().processor}}},
        {"commit", commit()},
    };
    fmt::print("{}\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  fmt::print("{} parameters, {}, {}, commit {}\n", config.parameters(), name(model.weights_dtype()), gpu.name,
             commit());
  fmt::print(
      "ceilings copy {:.0f} GB/s, products {:.0f} TFLOP/s ({:.0f} sustained); {:.1f} GB of the GPU's memory in use\n",
      before.copy / 1e9, before.product / 1e12, before.sustained / 1e12,
      static_cast<double>(gpu.memory_bytes - gpu.free_bytes) / 1e9);
  print("prefill", "tokens", prefill);
  print("decode", "sequences", decode);
}

}  // namespace saker::apps
