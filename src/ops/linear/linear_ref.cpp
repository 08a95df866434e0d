#include "ops/linear/linear.h"

#include "ops/quantize/quantize.h"

namespace saker::reference {

void linear(Stream&, const LinearArgs& args) noexcept {
  const auto& [y, x, weight, bias, accumulate] = args;
  for (int64_t t = 0; t < x.rows(); ++t)
    for (int64_t o = 0; o < weight.rows(); ++o) {
      double sum = bias ? load_element(bias.data, bias.dtype, o) : 0.0;
      for (int64_t i = 0; i < x.columns(); ++i)
        sum += load_element(x.data, x.dtype, x.offset(t, i)) *
               (is_quantized(weight.dtype) ? quantized_element(weight, o, i)
                                           : load_element(weight.data, weight.dtype, weight.offset(o, i)));
      if (accumulate) sum += load_element(y.data, y.dtype, y.offset(t, o));
      store_element(y.data, y.dtype, y.offset(t, o), sum);
    }
}

}  // namespace saker::reference
