
#include "device/cpu/parallel.h"
#include "ops/sum_of_squares/sum_of_squares.h"

namespace saker::cpu {

namespace {

constexpr int64_t kBlock = 1 << 14;
constexpr int64_t kSums = 16;  // as many as keep a vector unit busy

// In double, in kSums interleaved sums.
double block_sum(const float* x, int64_t count) {
  double sums[kSums] = {};
  int64_t i = 0;
  for (; i + kSums <= count; i += kSums)
    for (int64_t j = 0; j < kSums; ++j) {
      const double value = x[i + j];
      sums[j] += value * value;
    }
  for (; i < count; ++i) sums[i % kSums] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  double sum = 0.0;
  for (double part : sums) sum += part;
  return sum;
}

}  // namespace

void sum_of_squares(Stream& stream, const SumOfSquaresArgs& args) noexcept {
  const int64_t count = args.x.shape.elements(), blocks = (count + kBlock - 1) / kBlock;
  auto* sums = static_cast<double*>(stream.scratch(static_cast<size_t>(blocks) * sizeof(double)));
  parallel_for(stream.threads(), blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block)
      sums[block] = block_sum(args.x.as<float>() + block * kBlock, std::min(kBlock, count - block * kBlock));
  });
  for (int64_t block = 0; block < blocks; ++block) *args.sum.as<double>() += sums[block];
}

}  // namespace saker::cpu
