#include <cmath>

#include "ops/rms_norm/rms_norm.h"

namespace saker::reference {

void rms_norm(Stream&, const RmsNormArgs& args) noexcept {
  const auto& [y, x, weight, eps] = args;
  const int64_t columns = x.columns();
  for (int64_t row = 0; row < x.rows(); ++row) {
    double squares = 0.0;
    for (int64_t i = 0; i < columns; ++i) {
      const double value = load_element(x.data, x.dtype, x.offset(row, i));
      squares += value * value;
    }
    const double scale = 1.0 / std::sqrt(squares / static_cast<double>(columns) + eps);
    for (int64_t i = 0; i < columns; ++i) {
      const double w = weight ? load_element(weight.data, weight.dtype, i) : 1.0;
      const double value = load_element(x.data, x.dtype, x.offset(row, i));
      store_element(y.data, y.dtype, y.offset(row, i), w * (value * scale));
    }
  }
}

}  // namespace saker::reference
