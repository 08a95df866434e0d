#include "model/preparation.h"

#include <algorithm>

#include "core/error.h"
#include "device/cpu/parallel.h"
#include "device/gpu.h"
#include "device/memory.h"

namespace saker {

bool worth_copying(const Weights& weights) {
  if (!weights.mapped) return false;
  size_t bytes = 0;
  for_each_tensor(weights, [&](const TensorSpec&, const ConstTensorView& view) {
    bytes += static_cast<size_t>(view.shape.elements()) * size_of(view.dtype);
  });
  return bytes <= available_memory_bytes() / 2;
}

size_t prepared_bytes(const ModelConfig& config, DType matrices, DType others) {
  size_t bytes = 0;
  for (const TensorSpec& spec : tensor_specs(config)) {
    const bool matrix = spec.role == TensorRole::linear || spec.role == TensorRole::embedding;
    bytes += Arena::bytes_for(matrix ? matrices : others, spec.shape);
  }
  return bytes;
}

ConstTensorView Preparation::matrix(const ConstTensorView& stored) {
  if (options_.matrices_at == kHost) return converted(stored, options_.matrices);
  SAKER_CHECK(options_.matrices_at == options_.place && stored.dtype == options_.matrices, ErrorCode::unsupported,
              "[model] weights made on a GPU are used there and as they are: expected {}, found {}",
              name(options_.matrices), name(stored.dtype));
  return stored;
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
  if (options_.place != kHost) {
    on_host = Tensor(options_.others, Shape{j, e});
    made = on_host.view();
  }
  for (int64_t row = 0; row < e; ++row)
    for (int64_t column = 0; column < j; ++column)
      store_element(made.data, made.dtype, column * e + row,
                    change(load_element(stored.data, stored.dtype, row * j + column)));
  if (on_host) copy_bytes(added.data, options_.place, made.data, kHost, on_host.bytes());
  return added;
}

// Slabs: one huge page is not broken up for every small tensor. What of a slab is never touched costs nothing.
TensorView Preparation::add(DType dtype, const Shape& shape) {
  constexpr size_t kSlab = size_t{256} << 20;
  const size_t bytes = Arena::bytes_for(dtype, shape);
  if (owned_.empty() || owned_.back().free_bytes() < bytes)
    owned_.emplace_back(options_.place == kHost ? std::max(bytes, kSlab) : bytes, options_.place);
  return owned_.back().take(dtype, shape);
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
  if (stored.dtype == dtype && !options_.copy && options_.place == kHost) return stored;
  const TensorView made = add(dtype, stored.shape);
  const int64_t count = stored.shape.elements();
  if (options_.place == kHost) {
    convert(made.data, dtype, stored, 0, count);
    return made;
  }
  // Through pinned memory, which mapped pages would go through in smaller pieces.
  constexpr int64_t kPiece = int64_t{16} << 20;
  if (piece_.bytes() == 0) piece_ = Buffer::pinned(kPiece * sizeof(float));
  for (int64_t begin = 0; begin < count; begin += kPiece) {
    const int64_t length = std::min(kPiece, count - begin);
    convert(piece_.data(), dtype, stored, begin, length);
    copy_bytes(made.as<std::byte>() + static_cast<size_t>(begin) * size_of(dtype), options_.place, piece_.data(), kHost,
               static_cast<size_t>(length) * size_of(dtype));
  }
  return made;
}

}  // namespace saker
