#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/quantize/quantize.h"
#include "ops/rms_norm/rms_norm.h"

namespace saker::reference {

namespace {

// Row `row` of fp8: see ops/quantize/quantize.h.
void store_fp8_row(const TensorView& y, int64_t row, const std::vector<double>& values) {
  const int64_t columns = y.columns();
  double largest = 0.0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  const float scale = static_cast<float>(largest) / Float8::kLargest;
  auto* codes = static_cast<Float8*>(y.data) + row * columns;
  auto* scales = reinterpret_cast<float*>(static_cast<std::byte*>(y.data) + code_bytes(DType::fp8, y.rows(), columns));
  scales[row] = scale;
  for (int64_t i = 0; i < columns; ++i)
    codes[i] = Float8(scale == 0.0f ? 0.0f : static_cast<float>(values[static_cast<size_t>(i)] / scale));
}

}  // namespace

void rms_norm(Stream&, const RmsNormArgs& args) noexcept {
  const auto& [y, x, weight, eps] = args;
  const int64_t columns = x.columns();
  std::vector<double> values(static_cast<size_t>(columns));
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
      values[static_cast<size_t>(i)] = w * (value * scale);
    }
    if (y.dtype == DType::fp8) {
      store_fp8_row(y, row, values);
      continue;
    }
    for (int64_t i = 0; i < columns; ++i)
      store_element(y.data, y.dtype, y.offset(row, i), values[static_cast<size_t>(i)]);
  }
}

}  // namespace saker::reference
