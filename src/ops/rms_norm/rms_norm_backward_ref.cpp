#include <cmath>

#include "ops/rms_norm/rms_norm_backward.h"

namespace saker::reference {

void rms_norm_backward(Stream&, const RmsNormBackwardArgs& args) noexcept {
  const auto& [dx, dweight, dy, x, weight, eps, accumulate] = args;
  const int64_t columns = x.columns();
  const auto at = [](const ConstTensorView& view, int64_t row, int64_t i) {
    return load_element(view.data, view.dtype, view.offset(row, i));
  };
  for (int64_t row = 0; row < x.rows(); ++row) {
    const auto g = [&](int64_t i) { return (weight ? at(weight, 0, i) : 1.0) * at(dy, row, i); };
    double squares = 0.0, product = 0.0;
    for (int64_t i = 0; i < columns; ++i) {
      squares += at(x, row, i) * at(x, row, i);
      product += at(x, row, i) * g(i);
    }
    const double r = 1.0 / std::sqrt(squares / static_cast<double>(columns) + eps);
    const double along = r * r * product / static_cast<double>(columns);
    for (int64_t i = 0; i < columns; ++i) {
      const double value = r * (g(i) - at(x, row, i) * along);
      if (dweight)
        store_element(dweight.data, dweight.dtype, i, at(dweight, 0, i) + at(dy, row, i) * at(x, row, i) * r);
      store_element(dx.data, dx.dtype, dx.offset(row, i), value + (accumulate ? at(dx, row, i) : 0.0));
    }
  }
}

}  // namespace saker::reference
