// The initialisations of model-spec 5. Every value is a function of (seed, tensor, element), so that
// neither threads nor the pieces in which a tensor is made change it.
#include <array>
#include <cmath>
#include <numbers>
#include <string_view>

#include "core/error.h"
#include "core/rng.h"
#include "device/buffer.h"
#include "device/cpu/parallel.h"
#include "device/gpu.h"
#include "model/checkpoint_writer.h"
#include "ops/op_table.h"

namespace saker {

namespace {

constexpr int64_t kBlock = 4;     // values per block of random words
constexpr int64_t kStrip = 4096;  // elements made at once before they are converted

using Words = std::array<uint32_t, kBlock>;
using Values = std::array<float, kBlock>;

// Fills `out` with values [begin, begin + count); `values_of` turns the words of a block into its four values.
template <class ValuesOf>
void draw(const Rng& rng, int64_t begin, int64_t count, float* out, const ValuesOf& values_of) {
  for (int64_t i = begin; i < begin + count;) {
    const Values values = values_of(rng.block(static_cast<uint64_t>(i / kBlock)));
    do *out++ = values[static_cast<size_t>(i % kBlock)];
    while (++i % kBlock != 0 && i < begin + count);
  }
}

// In (0, 1].
float unit(uint32_t word) {
  return (static_cast<float>(word >> 8) + 1.0f) * 0x1p-24f;
}

// Box and Muller, twice.
Values normals(const Words& words) {
  Values values;
  for (size_t i = 0; i < kBlock; i += 2) {
    const float radius = std::sqrt(-2.0f * std::log(unit(words[i])));
    const float angle = 2.0f * std::numbers::pi_v<float> * unit(words[i + 1]);
    values[i] = radius * std::cos(angle);
    values[i + 1] = radius * std::sin(angle);
  }
  return values;
}

void fill_normal(const Rng& rng, int64_t begin, int64_t count, float deviation, float* out) {
  draw(rng, begin, count, out, [=](const Words& words) {
    Values values = normals(words);
    for (float& value : values) value *= deviation;
    return values;
  });
}

// In (-bound, bound].
void fill_uniform(const Rng& rng, int64_t begin, int64_t count, float bound, float* out) {
  draw(rng, begin, count, out, [=](const Words& words) {
    Values values;
    for (size_t i = 0; i < kBlock; ++i) values[i] = (2.0f * unit(words[i]) - 1.0f) * bound;
    return values;
  });
}

// softplus of the bias is a time step, log-uniform in [min, max] and at least the floor.
void fill_dt_bias(const Rng& rng, int64_t begin, int64_t count, const ModelConfig& config, float* out) {
  const double low = std::log(config.time_step_min), high = std::log(config.time_step_max);
  for (int64_t i = 0; i < count; ++i) {
    const double drawn = std::exp(low + rng.uniform(static_cast<uint64_t>(begin + i)) * (high - low));
    const double step = std::max(drawn, static_cast<double>(config.time_step_floor));
    out[i] = static_cast<float>(step + std::log(-std::expm1(-step)));
  }
}

// A = -exp(A_log) = -1 ... -n in every channel.
void fill_A_log(int64_t begin, int64_t count, int64_t d_state, float* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = std::log(static_cast<float>((begin + i) % d_state + 1));
}

float dt_proj_scale(const ModelConfig& config) {
  return config.time_step_scale / std::sqrt(static_cast<float>(config.dt_rank));
}

// One residual branch per layer adds up: the deeper the model, the smaller each.
float out_proj_scale(const ModelConfig& config, bool rescale) {
  const float depth = rescale ? static_cast<float>(config.n_layer) : 1.0f;
  return 1.0f / std::sqrt(static_cast<float>(config.d_inner) * depth);
}

// In (-1 / sqrt(inputs), 1 / sqrt(inputs)]: what PyTorch gives a layer with so many inputs.
void fill_uniform_for(const Rng& rng, int64_t begin, int64_t count, int64_t inputs, float* out) {
  fill_uniform(rng, begin, count, 1.0f / std::sqrt(static_cast<float>(inputs)), out);
}

void fill_dt_proj(const ModelConfig& config, const Rng& rng, int64_t begin, int64_t count, float* out) {
  if (config.time_step_constant)
    std::fill_n(out, count, dt_proj_scale(config));
  else
    fill_uniform(rng, begin, count, dt_proj_scale(config), out);
}

void fill_out_proj(const ModelConfig& config, bool rescale, const Rng& rng, int64_t begin, int64_t count, float* out) {
  fill_uniform(rng, begin, count, out_proj_scale(config, rescale), out);
}

class Initialiser {
 public:
  Initialiser(const ModelConfig& config, InitScheme scheme) : config_(config), mamba_(scheme == InitScheme::mamba) {}

  // Elements [begin, begin + count) of a tensor.
  void fill(const TensorSpec& spec, const Rng& rng, int64_t begin, int64_t count, float* out) const {
    switch (spec.role) {
      case TensorRole::embedding:
        return fill_normal(rng, begin, count, mamba_ ? 0.02f : config_.initializer_range, out);
      case TensorRole::linear: return fill_linear(spec, rng, begin, count, out);
      case TensorRole::conv: return fill_uniform_for(rng, begin, count, config_.d_conv, out);
      case TensorRole::dt_bias: return fill_dt_bias(rng, begin, count, config_, out);
      case TensorRole::A_log: return fill_A_log(begin, count, config_.d_state, out);
      case TensorRole::bias: return fill_bias(spec, rng, begin, count, out);
      case TensorRole::norm:
      case TensorRole::D: std::fill_n(out, count, 1.0f); return;
    }
  }

 private:
  void fill_linear(const TensorSpec& spec, const Rng& rng, int64_t begin, int64_t count, float* out) const {
    if (spec.name.ends_with("dt_proj.weight"))
      fill_dt_proj(config_, rng, begin, count, out);
    else if (spec.name.ends_with("out_proj.weight"))
      fill_out_proj(config_, mamba_ || config_.rescale_prenorm_residual, rng, begin, count, out);
    else if (mamba_)
      fill_uniform_for(rng, begin, count, spec.shape[-1], out);
    else
      fill_normal(rng, begin, count, config_.initializer_range, out);
  }

  void fill_bias(const TensorSpec& spec, const Rng& rng, int64_t begin, int64_t count, float* out) const {
    if (mamba_ && spec.name.ends_with("conv1d.bias"))
      fill_uniform_for(rng, begin, count, config_.d_conv, out);
    else
      std::fill_n(out, count, 0.0f);
  }

  const ModelConfig& config_;
  bool mamba_;
};

TensorFiller filler(const ModelConfig& config, uint64_t seed, DType dtype, InitScheme scheme, int threads) {
  return [=](size_t index, const TensorSpec& spec, int64_t begin, int64_t count, void* out) {
    const Rng rng(seed, index);
    const Initialiser initialiser(config, scheme);
    parallel_for(threads, count, kStrip, [&](int64_t from, int64_t to) {
      std::array<float, kStrip> strip;
      for (int64_t at = from; at < to; at += kStrip) {
        const int64_t length = std::min(kStrip, to - at);
        initialiser.fill(spec, rng, begin + at, length, strip.data());
        convert_elements(static_cast<std::byte*>(out) + at * static_cast<int64_t>(size_of(dtype)), dtype, strip.data(),
                         DType::f32, length);
      }
    });
  };
}

}  // namespace

std::string_view name(InitScheme scheme) noexcept {
  return scheme == InitScheme::mamba ? "mamba" : "huggingface";
}

std::optional<InitScheme> init_scheme_from_name(std::string_view text) noexcept {
  for (const InitScheme scheme : {InitScheme::huggingface, InitScheme::mamba})
    if (name(scheme) == text) return scheme;
  return std::nullopt;
}

Weights init_weights(const ModelConfig& config, uint64_t seed, DType dtype, int threads, InitScheme scheme) {
  config.validate();
  SAKER_CHECK(is_float(dtype), ErrorCode::invalid_argument, "[checkpoint] expected a floating-point dtype, found {}",
              name(dtype));
  Weights weights;
  weights.config = config;
  weights.config.stored_dtype = dtype;
  weights.layers.resize(static_cast<size_t>(config.n_layer));
  const TensorFiller fill_tensor = filler(config, seed, dtype, scheme, open_backend(threads).threads);
  size_t index = 0;
  for_each_tensor(weights, [&](const TensorSpec& spec, ConstTensorView& view) {
    auto tensor = std::make_shared<Tensor>(dtype, spec.shape);
    fill_tensor(index++, spec, 0, spec.shape.elements(), tensor->view().data);
    view = tensor->view();
    weights.storage.push_back(std::move(tensor));
  });
  if (config.tied_embeddings) weights.lm_head = weights.embeddings;
  return weights;
}

Weights init_weights_on_gpu(const ModelConfig& config, uint64_t seed, DType dtype, Place place) {
  config.validate();
  Weights weights;
  weights.config = config;
  weights.config.stored_dtype = dtype;
  weights.layers.resize(static_cast<size_t>(config.n_layer));
  weights.matrices_at = place;
  const TensorFiller fill_on_host = filler(config, seed, DType::f32, InitScheme::huggingface, 1);
  size_t index = 0;
  for_each_tensor(weights, [&](const TensorSpec& spec, ConstTensorView& view) {
    const bool matrix = spec.role == TensorRole::linear || spec.role == TensorRole::embedding;
    auto tensor = std::make_shared<Tensor>(matrix ? dtype : DType::f32, spec.shape, matrix ? place : kHost);
    const int64_t count = spec.shape.elements();
    if (!matrix) {
      fill_on_host(index, spec, 0, count, tensor->view().data);
    } else {
      const bool dt = spec.name.ends_with("dt_proj.weight"), out = spec.name.ends_with("out_proj.weight");
      const float scale = dt    ? dt_proj_scale(config)
                          : out ? out_proj_scale(config, config.rescale_prenorm_residual)
                                : config.initializer_range;
      gpu_fill_random(place.gpu, tensor->view().data, dtype, count,
                      dt || out ? RandomKind::uniform : RandomKind::normal, scale, seed, index);
    }
    ++index;
    view = tensor->view();
    weights.storage.push_back(std::move(tensor));
  });
  if (config.tied_embeddings) weights.lm_head = weights.embeddings;
  return weights;
}

void init_checkpoint(const ModelConfig& config, uint64_t seed, const std::filesystem::path& folder,
                     const SaveOptions& options, InitScheme scheme) {
  write_checkpoint(config, folder, options, filler(config, seed, options.dtype, scheme, open_backend(0).threads));
}

}  // namespace saker
