#include "apps/ceilings.h"

#include <algorithm>
#include <chrono>
#include <functional>

#include "core/rng.h"
#include "device/buffer.h"
#include "device/gpu.h"
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

// A tensor of a GPU, never of zeros: they multiply faster than what models hold.
Tensor random_on_gpu(DType dtype, const Shape& shape, Place place, uint64_t seed) {
  Tensor tensor(dtype, shape, place);
  gpu_fill_random(place.gpu, tensor.view().data, dtype, shape.elements(), RandomKind::normal, 1.0f, seed, 0);
  return tensor;
}

// The best of several rates of `amount` per call of `work`.
double best_rate(Stream& stream, double amount, const std::function<void()>& work) {
  work();
  stream.wait();
  double best = 0.0;
  for (int run = 0; run < 8; ++run) best = std::max(best, amount / stream.gpu().time(work));
  return best;
}

// The rate of `amount` per call of `work` over the second half of a second of it.
double sustained_rate(Stream& stream, double amount, const std::function<void()>& work) {
  double before = 0.0, after = 0.0, amount_after = 0.0;
  while (before + after < 1.0) {
    const double seconds = stream.gpu().time(work);
    if (before < 0.5)
      before += seconds;
    else
      after += seconds, amount_after += amount;
  }
  return amount_after / after;
}

}  // namespace

// The largest product of a Falcon Mamba 7B layer with 8,192 tokens, and copies of far more than the cache holds.
Ceilings measure_gpu(const Backend& backend, DType dtype) {
  Stream stream(backend);
  const Place place = backend.place();
  Ceilings found;
  {
    constexpr int64_t l = 8192, o = 16384, i = 4096;
    const Tensor x = random_on_gpu(dtype, {l, i}, place, 1), weight = random_on_gpu(dtype, {o, i}, place, 2);
    Tensor y(DType::f32, {l, o}, place);
    const auto work = [&] { linear(stream, y.view(), x.view(), weight.view()); };
    found.product = best_rate(stream, 2.0 * l * o * i, work);
    found.sustained = sustained_rate(stream, 2.0 * l * o * i, work);
  }
  constexpr int64_t kBytes = int64_t{1} << 30;
  const Tensor from = random_on_gpu(DType::f32, {kBytes / 4}, place, 3);
  Tensor to(DType::f32, {kBytes / 4}, place);
  found.copy = best_rate(stream, 2.0 * static_cast<double>(kBytes),
                         [&] { stream.gpu().copy(to.view().data, from.view().data, static_cast<size_t>(kBytes)); });
  found.read = found.copy;
  return found;
}

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
