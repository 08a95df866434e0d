#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/linear_cross_entropy/linear_cross_entropy.h"

namespace saker::reference {

namespace {

double at(const ConstTensorView& view, int64_t row, int64_t column) {
  return load_element(view.data, view.dtype, view.offset(row, column));
}
void put(const TensorView& view, int64_t row, int64_t column, double value) {
  store_element(view.data, view.dtype, view.offset(row, column), value);
}

std::vector<double> logits_of(const LinearCrossEntropyArgs& args, int64_t t) {
  std::vector<double> logits;
  for (int64_t i = 0; i < args.weight.rows(); ++i) {
    double sum = 0.0;
    for (int64_t j = 0; j < args.x.columns(); ++j) sum += at(args.x, t, j) * at(args.weight, i, j);
    logits.push_back(sum);
  }
  return logits;
}

double log_sum_exp_of(const std::vector<double>& values) {
  const double largest = *std::max_element(values.begin(), values.end());
  double sum = 0.0;
  for (double value : values) sum += std::exp(value - largest);
  return largest + std::log(sum);
}

void add_gradients(const LinearCrossEntropyArgs& args, int64_t t, const std::vector<double>& logits, double lse) {
  const int64_t columns = args.x.columns();
  for (int64_t i = 0; i < args.weight.rows(); ++i) {
    const double p = std::exp(logits[static_cast<size_t>(i)] - lse);
    double g = args.scale * (p - (i == args.labels[static_cast<size_t>(t)] ? 1.0 : 0.0) + 2.0 * args.z_loss * lse * p);
    if (args.x.dtype == DType::bf16) g = static_cast<double>(static_cast<float>(BFloat16(static_cast<float>(g))));
    for (int64_t j = 0; j < columns; ++j) {
      put(args.dx, t, j, at(args.dx, t, j) + g * at(args.weight, i, j));
      put(args.dweight, i, j, at(args.dweight, i, j) + g * at(args.x, t, j));
    }
  }
}

}  // namespace

void linear_cross_entropy(Stream&, const LinearCrossEntropyArgs& args) noexcept {
  for (int64_t t = 0; t < args.x.rows(); ++t) {
    const int32_t label = args.labels[static_cast<size_t>(t)];
    for (int64_t j = 0; j < args.x.columns() && args.dx; ++j) put(args.dx, t, j, 0.0);
    put(args.nats, t, 0, 0.0);
    put(args.lse, t, 0, 0.0);
    if (label == kIgnoredLabel) continue;
    const std::vector<double> logits = logits_of(args, t);
    const double lse = log_sum_exp_of(logits);
    put(args.nats, t, 0, lse - logits[static_cast<size_t>(label)]);
    put(args.lse, t, 0, lse);
    if (args.dx) add_gradients(args, t, logits, lse);
  }
}

}  // namespace saker::reference
