#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/log_sum_exp/log_sum_exp.h"

namespace saker::reference {

void log_sum_exp(Stream&, const LogSumExpArgs& args) noexcept {
  const ConstTensorView& x = args.x;
  for (int64_t row = 0; row < x.rows(); ++row) {
    const auto value = [&](int64_t i) { return load_element(x.data, x.dtype, x.offset(row, i)); };
    double largest = -std::numeric_limits<double>::infinity();
    for (int64_t i = 0; i < x.columns(); ++i) largest = std::max(largest, value(i));
    double sum = 0.0;
    for (int64_t i = 0; i < x.columns(); ++i) sum += std::exp(value(i) - (std::isinf(largest) ? 0.0 : largest));
    store_element(args.y.data, args.y.dtype, args.y.offset(row), (std::isinf(largest) ? 0.0 : largest) + std::log(sum));
  }
}

}  // namespace saker::reference
