#include <vector>

#include "ops/linear/linear_backward.h"

namespace saker::reference {

namespace {

// dy as the products read it: rounded to the type of x.
std::vector<double> rounded(const ConstTensorView& dy, DType dtype) {
  std::vector<double> values;
  for (int64_t t = 0; t < dy.rows(); ++t)
    for (int64_t o = 0; o < dy.columns(); ++o) {
      double value = load_element(dy.data, dy.dtype, dy.offset(t, o));
      if (dtype == DType::bf16) value = static_cast<double>(static_cast<float>(BFloat16(static_cast<float>(value))));
      values.push_back(value);
    }
  return values;
}

void add_element(const TensorView& view, int64_t at, double value) {
  store_element(view.data, view.dtype, at, load_element(view.data, view.dtype, at) + value);
}

}  // namespace

void linear_backward(Stream&, const LinearBackwardArgs& args) noexcept {
  const auto& [dx, dweight, dbias, dy, x, weight, accumulate] = args;
  const int64_t rows = x.rows(), inputs = x.columns(), outputs = weight.rows();
  const std::vector<double> g = rounded(dy, x.dtype);
  const auto g_at = [&](int64_t t, int64_t o) { return g[static_cast<size_t>(t * outputs + o)]; };

  for (int64_t t = 0; t < rows && dx; ++t)
    for (int64_t i = 0; i < inputs; ++i) {
      double sum = accumulate ? load_element(dx.data, dx.dtype, dx.offset(t, i)) : 0.0;
      for (int64_t o = 0; o < outputs; ++o)
        sum += g_at(t, o) * load_element(weight.data, weight.dtype, weight.offset(o, i));
      store_element(dx.data, dx.dtype, dx.offset(t, i), sum);
    }
  for (int64_t o = 0; o < outputs && dweight; ++o)
    for (int64_t i = 0; i < inputs; ++i) {
      double sum = 0.0;
      for (int64_t t = 0; t < rows; ++t) sum += g_at(t, o) * load_element(x.data, x.dtype, x.offset(t, i));
      add_element(dweight, dweight.offset(o, i), sum);
    }
  for (int64_t o = 0; o < outputs && dbias; ++o) {
    double sum = 0.0;
    for (int64_t t = 0; t < rows; ++t) sum += load_element(dy.data, dy.dtype, dy.offset(t, o));
    add_element(dbias, o, sum);
  }
}

}  // namespace saker::reference
