#include "model/preparation.h"

#include <algorithm>

#include "core/error.h"
#include "device/cpu/parallel.h"
#include "device/gpu.h"
#include "device/memory.h"
#include "ops/quantize/quantize.h"

namespace saker {

bool worth_copying(const Weights& weights) {
  if (!weights.mapped) return false;
  size_t bytes = 0;
  for_each_tensor(weights, [&](const TensorSpec&, const ConstTensorView& view) {
    bytes += static_cast<size_t>(view.shape.elements()) * size_of(view.dtype);
  });
  return bytes <= available_memory_bytes() / 2;
}

bool can_quantize_all(const ModelConfig& config) {
  const std::vector<TensorSpec> specs = tensor_specs(config);
  return std::all_of(specs.begin(), specs.end(), [](const TensorSpec& spec) {
    return spec.role != TensorRole::linear || can_quantize(spec.shape[0], spec.shape[1]);
  });
}

size_t prepared_bytes(const ModelConfig& config, DType matrices, DType plain, DType others) {
  const auto of_matrix = [&](DType dtype, const Shape& shape) {
    return is_quantized(dtype) && can_quantize(shape[0], shape[1])
               ? Arena::bytes_for(DType::u8, {static_cast<int64_t>(quantized_bytes(dtype, shape[0], shape[1]))})
               : Arena::bytes_for(plain, shape);
  };
  const auto of = [&](const TensorSpec& spec) {
    if (spec.role == TensorRole::embedding) return Arena::bytes_for(plain, spec.shape);
    if (spec.role != TensorRole::linear) return Arena::bytes_for(others, spec.shape);
    if (spec.name.ends_with("x_proj.weight")) return of_matrix(x_proj_dtype(matrices), spec.shape);
    if (spec.name.ends_with("dt_proj.weight")) return of_matrix(dt_proj_dtype(matrices), spec.shape);
    return of_matrix(matrices, spec.shape);
  };
  size_t bytes = 0;
  for (const TensorSpec& spec : tensor_specs(config)) bytes += of(spec);
  if (config.tied_embeddings && is_quantized(matrices))
    bytes += of_matrix(matrices, {config.vocab_size, config.d_model});
  return bytes;
}

ConstTensorView Preparation::matrix(const ConstTensorView& stored, DType dtype) {
  if (is_quantized(dtype)) {
    if (can_quantize(stored.shape[0], stored.shape[1])) return quantized(stored, dtype);
    dtype = options_.plain;
  }
  if (options_.matrices_at == kHost) return converted(stored, dtype);
  SAKER_CHECK(options_.matrices_at == place_ && stored.dtype == dtype, ErrorCode::unsupported,
              "[model] weights made on a GPU are used there and as they are: expected {}, found {}", name(dtype),
              name(stored.dtype));
  return stored;
}

ConstTensorView Preparation::quantized(const ConstTensorView& stored, DType dtype) {
  const int64_t o = stored.shape[0], i = stored.shape[1];
  const TensorView made(add(quantized_bytes(dtype, o, i)), dtype, {o, i});
  ConstTensorView plain = stored;
  if (options_.matrices_at != place_) {
    // As stored, so that the codes are those of every other backend.
    const DType type = stored.dtype == DType::f64 ? DType::f32 : stored.dtype;
    const size_t bytes = Arena::bytes_for(type, stored.shape);
    if (unquantized_.bytes() < bytes) {
      unquantized_ = {};
      unquantized_ = Buffer(bytes, place_);
    }
    const TensorView there(unquantized_.data(), type, {o, i});
    copy_converted(there, stored);
    plain = there;
  }
  quantize(stream_, made, plain);
  stream_.wait();
  return made;
}

ConstTensorView Preparation::vector(const ConstTensorView& stored) {
  return stored ? converted(stored, options_.others) : stored;
}

ConstTensorView Preparation::channels_innermost(const ConstTensorView& stored,
                                                const std::function<double(double)>& change) {
  const int64_t e = stored.shape[0], j = stored.shape[-1];
  Tensor on_host;
  const TensorView added = add(options_.others, Shape{j, e});
  TensorView made = added;
  if (place_ != kHost) {
    on_host = Tensor(options_.others, Shape{j, e});
    made = on_host.view();
  }
  for (int64_t row = 0; row < e; ++row)
    for (int64_t column = 0; column < j; ++column)
      store_element(made.data, made.dtype, column * e + row,
                    change(load_element(stored.data, stored.dtype, row * j + column)));
  if (on_host) copy_bytes(added.data, place_, made.data, kHost, on_host.bytes());
  return added;
}

TensorView Preparation::add(DType dtype, const Shape& shape) {
  return {add(Arena::bytes_for(dtype, shape)), dtype, shape};
}

// Slabs: one huge page is not broken up for every small tensor. What of a slab is never touched costs nothing.
void* Preparation::add(size_t bytes) {
  constexpr size_t kSlab = size_t{256} << 20;
  const Shape shape{static_cast<int64_t>(bytes)};
  const size_t taken = Arena::bytes_for(DType::u8, shape);
  if (owned_.empty() || owned_.back().free_bytes() < taken)
    owned_.emplace_back(place_ == kHost ? std::max(taken, kSlab) : taken, place_);
  return owned_.back().take(DType::u8, shape).data;
}

// Elements [begin, begin + count), by all threads.
void Preparation::convert(void* to, DType dtype, const ConstTensorView& stored, int64_t begin, int64_t count) const {
  // Borders at pages, so that each thread touches its own first.
  constexpr int64_t kGrain = 1 << 20;
  parallel_for(options_.threads, count, kGrain, [&](int64_t from, int64_t end) {
    convert_elements(static_cast<std::byte*>(to) + static_cast<size_t>(from) * size_of(dtype), dtype,
                     stored.as<std::byte>() + static_cast<size_t>(begin + from) * size_of(stored.dtype), stored.dtype,
                     end - from);
  });
}

ConstTensorView Preparation::converted(const ConstTensorView& stored, DType dtype) {
  if (stored.dtype == dtype && !options_.copy && place_ == kHost) return stored;
  const TensorView made = add(dtype, stored.shape);
  copy_converted(made, stored);
  return made;
}

// From the host to wherever `to` lies.
void Preparation::copy_converted(const TensorView& to, const ConstTensorView& stored) {
  const int64_t count = stored.shape.elements();
  if (place_ == kHost) return convert(to.data, to.dtype, stored, 0, count);
  // Through pinned memory, which mapped pages would go through in smaller pieces.
  constexpr int64_t kPiece = int64_t{16} << 20;
  if (piece_.bytes() == 0) piece_ = Buffer::pinned(kPiece * sizeof(float));
  for (int64_t begin = 0; begin < count; begin += kPiece) {
    const int64_t length = std::min(kPiece, count - begin);
    convert(piece_.data(), to.dtype, stored, begin, length);
    copy_bytes(to.as<std::byte>() + static_cast<size_t>(begin) * size_of(to.dtype), place_, piece_.data(), kHost,
               static_cast<size_t>(length) * size_of(to.dtype));
  }
}

}  // namespace saker
