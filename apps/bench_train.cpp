// Steps of training on random tokens beside the machine's product rate: forward and backward pass, norm of the
// gradients, AdamW.

#include <fmt/format.h>

#include <chrono>

#include "apps/bench.h"
#include "apps/ceilings.h"
#include "apps/interrupt.h"
#include "apps/machine.h"
#include "apps/spread.h"
#include "core/error.h"
#include "device/gpu.h"
#include "device/on_host.h"
#include "io/read_file.h"
#include "model/checkpoint.h"
#include "model/flops.h"
#include "model/training_model.h"
#include "train/optimizer.h"

namespace saker::apps {

namespace {

Weights make_weights(const BenchOptions& options, const Backend& backend) {
  if (options.config.empty()) return load_checkpoint(options.model.folder);
  return init_weights(parse_config(read_file(options.config), options.config), /*seed=*/1, DType::f32, backend.threads);
}

MasterFormat masters(const BenchOptions& options) {
  return options.masters == "split" ? MasterFormat::split : MasterFormat::f32;
}

TrainingOptions training_options(const BenchOptions& options, const ModelConfig& config, BackendKind on) {
  TrainingOptions training;
  training.dtype = options.model.dtype.value_or(DType::f32);
  training.activations = options.activations == "f32" ? DType::f32 : usual_activations(config, training.dtype, on);
  training.recompute = recompute_named(options.recompute);
  training.masters = masters(options);
  training.max_rows = options.training_sequences * options.training_tokens;
  return training;
}

OptimizerSettings optimizer_settings(const BenchOptions& options) {
  OptimizerSettings settings;
  settings.moments = options.moments == "8-bit" ? MomentFormat::eight_bit : MomentFormat::f32;
  settings.masters = masters(options);
  return settings;
}

TrainingModel make_model(const BenchOptions& options, const Backend& backend) {
  const Weights weights = make_weights(options, backend);
  return {weights, backend, training_options(options, weights.config, backend.kind)};
}

// Of products large enough to show what the machine can do.
double product_rate(const Backend& backend, DType dtype) {
  if (!backend.place().on_host()) return measure_gpu(backend, dtype).product;
  constexpr int64_t kLargeEnough = 1024;
  return measure_product(backend, dtype, kLargeEnough, kLargeEnough, kLargeEnough);
}

// Of a backend that is one.
GpuInfo gpu_of(const Backend& backend) {
  for (const GpuInfo& gpu : list_gpus())
    if (gpu.index == backend.gpu) return gpu;
  return {};
}

// "NVIDIA H200"; the processor of a CPU backend.
std::string device_name(const Backend& backend) {
  return backend.place().on_host() ? this_machine().processor : gpu_of(backend).name;
}

// A generator that is one line in any language, so that a peer can train on the same tokens.
std::vector<int32_t> training_ids(int64_t count, int64_t vocabulary) {
  std::vector<int32_t> ids;
  uint32_t state = 1;
  for (int64_t i = 0; i < count; ++i) {
    state = (1103515245u * state + 12345u) & 0x7fffffffu;
    ids.push_back(static_cast<int32_t>((state >> 8) % static_cast<uint32_t>(vocabulary)));
  }
  return ids;
}

class TrainingBench {
 public:
  explicit TrainingBench(const BenchOptions& options)
      : backend_(open_device(options.model.device)),
        gpu_product_(backend_.place().on_host() ? 0.0
                                                : product_rate(backend_, options.model.dtype.value_or(DType::f32))),
        free_before_(gpu_of(backend_).free_bytes),
        model_(make_model(options, backend_)),
        optimizer_(model_.parameters(), optimizer_settings(options)),
        ids_(training_ids(model_.options().max_rows, model_.config().vocab_size)),
        labels_(ids_.begin() + 1, ids_.end()),
        nats_(DType::f32, {model_.options().max_rows}, backend_.place()) {
    labels_.push_back(kIgnoredLabel);
    for (int64_t b = 0; b < options.training_sequences; ++b) {
      segments_.push_back({b * options.training_tokens, options.training_tokens, kNoSlot});
      labels_[static_cast<size_t>((b + 1) * options.training_tokens - 1)] = kIgnoredLabel;
    }
  }

  // Of the step's targets.
  double targets() const noexcept { return static_cast<double>(ids_.size() - segments_.size()); }

  // Waits for nothing but the norm of the gradients, as training does.
  void step() {
    pass();
    optimizer_.gradient_norm(model_.stream());
    update();
  }
  // Seconds of the parts of a step, each waited for.
  nlohmann::ordered_json parts() {
    nlohmann::ordered_json seconds;
    const auto timed = [&](const char* part, const auto& work) {
      const auto begin = std::chrono::steady_clock::now();
      work();
      model_.stream().wait();
      seconds[part] = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    timed("pass", [&] { pass(); });
    timed("norm", [&] { optimizer_.gradient_norm(model_.stream()); });
    timed("update", [&] { update(); });
    return seconds;
  }
  // The mean before the step that was made last. Waits.
  double loss() {
    const OnHost nats(nats_.view(), model_.stream());
    double sum = 0.0;
    for (int64_t t = 0; t < nats.view().shape[0]; ++t) sum += nats.view().as<float>()[t];
    return sum / targets();
  }

  // Of the machine now; of a GPU as it was before it held the model.
  double product() const { return gpu_product_ > 0.0 ? gpu_product_ : product_rate(backend_, model_.options().dtype); }
  // Bytes on the GPU, as they are and as planned.
  nlohmann::ordered_json gpu_memory() const {
    const size_t free_now = gpu_of(backend_).free_bytes;
    const ModelConfig& config = model_.config();
    const TrainingOptions& options = model_.options();
    return {{"bytes", free_before_ > free_now ? free_before_ - free_now : 0},
            {"planned_bytes", TrainingModel::memory(config, options, backend_.kind).total() +
                                  Optimizer::moment_bytes(config, optimizer_.settings().moments)}};
  }

  Stream& stream() noexcept { return model_.stream(); }
  const Backend& backend() const noexcept { return backend_; }
  const TrainingModel& model() const noexcept { return model_; }
  double tokens() const noexcept { return static_cast<double>(ids_.size()); }

 private:
  void pass() {
    model_.zero_gradients();
    model_.forward_backward(ids_, labels_, segments_, {}, {1.0 / targets(), 0.0}, nats_.view());
  }
  void update() {
    optimizer_.step(model_.stream(), 1e-4);
    model_.refresh(/*round=*/false);
  }

  Backend backend_;
  double gpu_product_;  // 0 on the CPU
  size_t free_before_;  // of a GPU
  TrainingModel model_;
  Optimizer optimizer_;
  std::vector<int32_t> ids_, labels_;
  std::vector<Segment> segments_;
  Tensor nats_;  // [tokens of a step]
};

struct Measured {
  double first_loss = 0.0;
  std::vector<double> tokens_per_second, product, share;
  nlohmann::ordered_json parts;  // of a step
};

Measured measure(TrainingBench& bench, const BenchOptions& options) {
  const double flops = training_flops_per_token(bench.model().config());
  const Interrupt interrupt;
  Measured measured;
  bench.step();
  measured.first_loss = bench.loss();
  for (int round = 0; round < options.repeats; ++round) {
    if (interrupt.requested()) fail(ErrorCode::cancelled, "interrupted");
    const double product = bench.product();
    const auto begin = std::chrono::steady_clock::now();
    bench.step();
    bench.stream().wait();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    measured.tokens_per_second.push_back(bench.tokens() / seconds.count());
    measured.product.push_back(product);
    measured.share.push_back(measured.tokens_per_second.back() * flops / product);
  }
  measured.parts = bench.parts();
  return measured;
}

nlohmann::ordered_json to_json(const TrainingBench& bench, const BenchOptions& options, const Measured& measured) {
  const ModelConfig& config = bench.model().config();
  nlohmann::ordered_json json{{"model", options.config.empty() ? options.model.folder : options.config},
                              {"parameters", config.parameters()},
                              {"dtype", name(bench.model().options().dtype)},
                              {"recompute", options.recompute},
                              {"moments", options.moments},
                              {"masters", options.masters},
                              {"activations", name(bench.model().options().activations)},
                              {"sequences", options.training_sequences},
                              {"tokens", options.training_tokens},
                              {"first_loss", measured.first_loss},
                              {"tokens_per_second", Spread(measured.tokens_per_second).json()},
                              {"seconds", measured.parts},
                              {"flops_per_token", training_flops_per_token(config)},
                              {"ceiling", {{"product_flops_per_second", Spread(measured.product).json()}}},
                              {"share_of_ceiling", Spread(measured.share).median},
                              {"peak_memory_bytes", peak_memory_bytes()},
                              {"machine",
                               {{"device", device_name(bench.backend())},
                                {"cpu", this_machine().processor},
                                {"threads", bench.backend().threads}}},
                              {"commit", commit()}};
  if (!bench.backend().place().on_host()) json["gpu_memory"] = bench.gpu_memory();
  return json;
}

}  // namespace

void bench_train(const BenchOptions& options) {
  TrainingBench bench(options);
  const Measured measured = measure(bench, options);
  if (options.json) {
    fmt::print("{}\n",
               to_json(bench, options, measured).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  const Spread rate(measured.tokens_per_second);
  fmt::print("{} parameters, {}, {} x {} tokens, {} threads, {}, commit {}\n", bench.model().config().parameters(),
             name(bench.model().options().dtype), options.training_sequences, options.training_tokens,
             bench.backend().threads, device_name(bench.backend()), commit());
  fmt::print(
      "training   {:.0f} tokens/s ({:.0f} to {:.0f}), {:.0f}% of the products' {:.0f} GFLOP/s; first loss {:.4f}\n",
      rate.median, rate.min, rate.max, 100.0 * Spread(measured.share).median, Spread(measured.product).median / 1e9,
      measured.first_loss);
}

}  // namespace saker::apps
