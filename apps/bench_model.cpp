// Prefill and decode of a model beside the machine's ceilings.

#include <fmt/format.h>

#include <chrono>
#include <filesystem>

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

namespace saker::apps {

namespace {

int64_t sequences(const BenchOptions& options) {
  return options.sequences.front();
}

FalconMamba make_model(const BenchOptions& options) {
  if (options.config.empty()) return load_model(options.model);
  const ModelConfig config = parse_config(read_file(options.config), options.config);
  const Backend backend = open_device(options.model.device);
  const DType dtype = options.model.dtype.value_or(config.stored_dtype);
  return FalconMamba(init_weights(config, /*seed=*/1, is_quantized(dtype) ? DType::bf16 : dtype, backend.threads),
                     backend, dtype);
}

// Everything that is timed, on random tokens and from empty states: nothing is sampled.
class ModelBench {
 public:
  explicit ModelBench(const BenchOptions& options)
      : options_(options),
        model_(make_model(options)),
        workspace_(model_, std::max(Workspace::kDefaultRows, sequences(options))),
        pool_(model_.config(), sequences(options)),
        logits_(DType::f32, {sequences(options), model_.config().vocab_size}),
        prompt_(random_ids(options.prefill_tokens.front())) {
    for (int64_t i = 0; i < sequences(options); ++i) slots_.push_back(i);
  }

  const FalconMamba& model() const noexcept { return model_; }

  void warm_up() {
    prefill();
    decode(std::min<int64_t>(options_.decode_tokens, 8));
  }

  // Tokens per second of all sequences together.
  double prefill() {
    const auto begin = Clock::now();
    for (int64_t i = 0; i < sequences(options_); ++i) {
      RecurrentState state = model_.new_state();
      model_.prefill(workspace_, prompt_, state, {logits_.view().as<float>(), vocabulary()});
    }
    return static_cast<double>(sequences(options_) * options_.prefill_tokens.front()) / seconds_since(begin);
  }

  double decode(int64_t steps) {
    for (const int64_t slot : slots_) pool_.reset(slot);
    const std::vector<int32_t> ids = random_ids(steps * sequences(options_));
    const auto begin = Clock::now();
    for (int64_t step = 0; step < steps; ++step) {
      const std::span<const int32_t> of_step(ids.data() + step * sequences(options_), slots_.size());
      model_.step(workspace_, of_step, slots_, pool_.view(), logits_.view());
    }
    return static_cast<double>(steps * sequences(options_)) / seconds_since(begin);
  }

 private:
  using Clock = std::chrono::steady_clock;

  static double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }
  size_t vocabulary() const { return static_cast<size_t>(model_.config().vocab_size); }
  std::vector<int32_t> random_ids(int64_t count) const {
    const Rng rng(7);
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < count; ++i)
      ids.push_back(static_cast<int32_t>(rng.block(static_cast<uint64_t>(i))[0] % vocabulary()));
    return ids;
  }

  const BenchOptions& options_;
  FalconMamba model_;
  Workspace workspace_;
  StatePool pool_;
  Tensor logits_;  // [b, v]
  std::vector<int32_t> prompt_;
  std::vector<int64_t> slots_;
};

struct Measured {
  std::vector<double> prefill, decode;              // tokens per second of each round
  std::vector<double> prefill_share, decode_share;  // of the round's own ceilings
  std::vector<double> read, copy, product;          // the ceilings of each round
};

// Ceilings and speeds in turn: the memory of a shared machine can halve from one minute to the next.
Measured measure(ModelBench& bench, const BenchOptions& options) {
  const FalconMamba& model = bench.model();
  const ModelConfig& config = model.config();
  const double step_bytes = decode_step_bytes(config, model.dtype(), sequences(options));
  const Interrupt interrupt;
  Measured measured;
  bench.warm_up();
  for (int round = 0; round < options.repeats; ++round) {
    if (interrupt.requested()) fail(ErrorCode::cancelled, "interrupted");
    const double product =
        measure_product(model.backend(), model.dtype(), Workspace::kDefaultRows, 2 * config.d_inner, config.d_model);
    const double prefill = bench.prefill();
    const MemoryBandwidth bandwidth = measure_bandwidth(model.backend().threads);
    const double decode = bench.decode(options.decode_tokens);
    measured.product.push_back(product);
    measured.read.push_back(bandwidth.read);
    measured.copy.push_back(bandwidth.copy);
    measured.prefill.push_back(prefill);
    measured.decode.push_back(decode);
    measured.prefill_share.push_back(prefill * prefill_token_flops(config) / product);
    measured.decode_share.push_back(decode / static_cast<double>(sequences(options)) * step_bytes / bandwidth.read);
  }
  return measured;
}

nlohmann::ordered_json to_json(const ModelBench& bench, const BenchOptions& options, const Measured& measured) {
  const FalconMamba& model = bench.model();
  const Machine machine = this_machine();
  return {
      {"model", options.config.empty() ? options.model.folder : options.config},
      {"parameters", model.config().parameters()},
      {"dtype", name(model.dtype())},
      {"prefill_tokens", options.prefill_tokens.front()},
      {"decode_tokens", options.decode_tokens},
      {"sequences", sequences(options)},
      {"repeats", options.repeats},
      {"prefill_tokens_per_second", Spread(measured.prefill).json()},
      {"decode_tokens_per_second", Spread(measured.decode).json()},
      {"prefill_flops_per_token", prefill_token_flops(model.config())},
      {"decode_bytes_per_step", decode_step_bytes(model.config(), model.dtype(), sequences(options))},
      {"ceiling",
       {{"read_bytes_per_second", Spread(measured.read).json()},
        {"copy_bytes_per_second", Spread(measured.copy).json()},
        {"product_flops_per_second", Spread(measured.product).json()}}},
      {"share_of_ceiling",
       {{"prefill", Spread(measured.prefill_share).median}, {"decode", Spread(measured.decode_share).median}}},
      {"peak_memory_bytes", peak_memory_bytes()},
      {"machine",
       {{"cpu", machine.processor},
        {"cores", machine.cores},
        {"isa", machine.isa},
        {"memory_bytes", machine.memory_bytes},
        {"backend", name(model.backend().kind)},
        {"threads", model.backend().threads}}},
      {"commit", commit()},
  };
}

void print(const ModelBench& bench, const BenchOptions& options, const Measured& measured) {
  const ModelConfig& config = bench.model().config();
  const Spread prefill(measured.prefill), decode(measured.decode);
  const double steps = decode.median / static_cast<double>(sequences(options));
  fmt::print("{} parameters, {}, {} threads, {}, commit {}\n", config.parameters(), name(bench.model().dtype()),
             bench.model().backend().threads, this_machine().processor, commit());
  fmt::print("ceilings   read {:.1f} GB/s, copy {:.1f} GB/s, products {:.0f} GFLOP/s\n",
             Spread(measured.read).median / 1e9, Spread(measured.copy).median / 1e9,
             Spread(measured.product).median / 1e9);
  fmt::print("prefill    {:.1f} tokens/s ({:.1f} to {:.1f}), {:.0f} GFLOP/s in products: {:.0f}% of the ceiling\n",
             prefill.median, prefill.min, prefill.max, prefill.median * prefill_token_flops(config) / 1e9,
             100.0 * Spread(measured.prefill_share).median);
  fmt::print("decode     {:.1f} tokens/s ({:.1f} to {:.1f}), {:.1f} GB/s: {:.0f}% of the read ceiling\n", decode.median,
             decode.min, decode.max, steps * decode_step_bytes(config, bench.model().dtype(), sequences(options)) / 1e9,
             100.0 * Spread(measured.decode_share).median);
}

}  // namespace

void bench_model(const BenchOptions& options) {
  const Backend backend = open_device(options.model.device);
  if (!backend.place().on_host()) return bench_model_on_gpu(options, backend);
  SAKER_CHECK(options.sequences.size() == 1 && options.prefill_tokens.size() == 1, ErrorCode::invalid_argument,
              "[bench] expected one value of -p and of -b on the CPU, found {} and {}", options.prefill_tokens.size(),
              options.sequences.size());
  ModelBench bench(options);
  const Measured measured = measure(bench, options);
  if (options.json)
    fmt::print("{}\n",
               to_json(bench, options, measured).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  else
    print(bench, options, measured);
}

}  // namespace saker::apps
