#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/elements.h"
#include "ops/linear_cross_entropy/linear_cross_entropy.h"

namespace saker::reference {

namespace {

// Logits of row t, which become their gradients; the loss of the row is written.
void row_gradients(const LinearCrossEntropyArgs& args, int64_t t, std::vector<double>& row) {
  for (size_t i = 0; i < row.size(); ++i) {
    row[i] = 0.0;
    for (int64_t d = 0; d < args.x.columns(); ++d)
      row[i] += element(args.x, t, d) * element(args.weight, static_cast<int64_t>(i), d);
  }
  const double largest = *std::max_element(row.begin(), row.end());
  double sum = 0.0;
  for (double logit : row) sum += std::exp(logit - largest);
  const double lse = largest + std::log(sum);
  const auto label = static_cast<size_t>(args.labels[static_cast<size_t>(t)]);
  set_element(args.nats, t, 0, lse - row[label]);
  set_element(args.lse, t, 0, lse);
  for (size_t i = 0; i < row.size(); ++i) {
    const double p = std::exp(row[i] - lse);
    row[i] = args.scale * (p * (1.0 + 2.0 * args.z_loss * lse) - (i == label ? 1.0 : 0.0));
    if (args.x.dtype == DType::bf16) row[i] = static_cast<float>(BFloat16(static_cast<float>(row[i])));
  }
}

}  // namespace

void linear_cross_entropy(Stream&, const LinearCrossEntropyArgs& args) noexcept {
  const int64_t v = args.weight.rows(), columns = args.x.columns();
  std::vector<double> row(static_cast<size_t>(v)), dweight(static_cast<size_t>(args.dweight ? v * columns : 0));
  for (int64_t t = 0; t < args.x.rows(); ++t) {
    const bool ignored = args.labels[static_cast<size_t>(t)] == kIgnoredLabel;
    if (ignored) {
      set_element(args.nats, t, 0, 0.0);
      set_element(args.lse, t, 0, 0.0);
    } else {
      row_gradients(args, t, row);
    }
    for (int64_t d = 0; d < columns && args.dx; ++d) {
      double dx = 0.0;
      for (int64_t i = 0; i < v && !ignored; ++i) {
        dx += row[static_cast<size_t>(i)] * element(args.weight, i, d);
        dweight[static_cast<size_t>(i * columns + d)] += row[static_cast<size_t>(i)] * element(args.x, t, d);
      }
      set_element(args.dx, t, d, dx);
    }
  }
  for (int64_t i = 0; i < v && args.dweight; ++i)
    for (int64_t d = 0; d < columns; ++d) {
      const double sum = dweight[static_cast<size_t>(i * columns + d)];
      args.first ? set_element(args.dweight, i, d, sum) : add_element(args.dweight, i, d, sum);
    }
}

}  // namespace saker::reference
