#include "apps/ceilings.h"

#include <algorithm>
#include <chrono>

#include "core/rng.h"
#include "device/buffer.h"
#include "ops/linear/linear.h"

namespace saker::apps {

namespace {

Tensor random_tensor(DType dtype, const Shape& shape, uint64_t seed) {
  Tensor tensor(dtype, shape);
  const Rng rng(seed);
  for (int64_t i = 0; i < shape.elements(); ++i)
    store_element(tensor.view().data, dtype, i, rng.uniform(static_cast<uint64_t>(i)) - 0.5);
  return tensor;
}

}  // namespace

double measure_product(const Backend& backend, DType dtype, int64_t l, int64_t o, int64_t i) {
  Stream stream(backend);
  Tensor x = random_tensor(dtype, {l, i}, 1), weight = random_tensor(dtype, {o, i}, 2), y(DType::f32, {l, o});
  double best = 0.0;
  for (int run = 0; run < 6; ++run) {
    const auto begin = std::chrono::steady_clock::now();
    linear(stream, y.view(), x.view(), weight.view());
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    best = std::max(best, 2.0 * static_cast<double>(l * o * i) / seconds.count());
  }
  return best;
}

}  // namespace saker::apps
