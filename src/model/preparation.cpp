#include "model/preparation.h"

#include <algorithm>

#include "device/cpu/parallel.h"
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

ConstTensorView Preparation::vector(const ConstTensorView& stored) {
  return stored ? converted(stored, options_.others) : stored;
}

ConstTensorView Preparation::channels_innermost(const ConstTensorView& stored,
                                                const std::function<double(double)>& change) {
  const int64_t e = stored.shape[0], j = stored.shape[-1];
  const TensorView made = add(options_.others, Shape{j, e});
  for (int64_t row = 0; row < e; ++row)
    for (int64_t column = 0; column < j; ++column)
      store_element(made.data, made.dtype, column * e + row,
                    change(load_element(stored.data, stored.dtype, row * j + column)));
  return made;
}

// Slabs: one huge page is not broken up for every small tensor. What of a slab is never touched costs nothing.
TensorView Preparation::add(DType dtype, const Shape& shape) {
  constexpr size_t kSlab = size_t{256} << 20;
  const size_t bytes = Arena::bytes_for(dtype, shape);
  if (owned_.empty() || owned_.back().free_bytes() < bytes) owned_.emplace_back(std::max(bytes, kSlab));
  return owned_.back().take(dtype, shape);
}

ConstTensorView Preparation::converted(const ConstTensorView& stored, DType dtype) {
  if (stored.dtype == dtype && !options_.copy) return stored;
  const TensorView made = add(dtype, stored.shape);
  const int64_t count = stored.shape.elements();
  // Borders at pages, so that each thread touches its own first.
  constexpr int64_t kGrain = 1 << 20;
  parallel_for(options_.threads, count, kGrain, [&](int64_t begin, int64_t end) {
    convert_elements(made.as<std::byte>() + static_cast<size_t>(begin) * size_of(dtype), dtype,
                     stored.as<std::byte>() + static_cast<size_t>(begin) * size_of(stored.dtype), stored.dtype,
                     end - begin);
  });
  return made;
}

}  // namespace saker
