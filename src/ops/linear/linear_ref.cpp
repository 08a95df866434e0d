#include "device/cpu/parallel.h"
#include "ops/linear/linear.h"
#include "ops/quantize/quantize.h"

namespace saker::reference {

namespace {

// Element [t, o] of the result.
void product(const LinearArgs& args, int64_t t, int64_t o) noexcept {
  const auto& [y, x, weight, bias, accumulate, addend] = args;
  double sum = bias ? load_element(bias.data, bias.dtype, o) : 0.0;
  for (int64_t i = 0; i < x.columns(); ++i)
    sum += load_element(x.data, x.dtype, x.offset(t, i)) *
           (is_quantized(weight.dtype) ? quantized_element(weight, o, i)
                                       : load_element(weight.data, weight.dtype, weight.offset(o, i)));
  if (accumulate) sum += load_element(y.data, y.dtype, y.offset(t, o));
  if (addend) sum += load_element(addend.data, addend.dtype, addend.offset(t, o));
  store_element(y.data, y.dtype, y.offset(t, o), sum);
}

}  // namespace

void linear(Stream& stream, const LinearArgs& args) noexcept {
  const int64_t outputs = args.weight.rows();
  parallel_for(stream.backend().threads, args.x.rows() * outputs, 64, [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; ++at) product(args, at / outputs, at % outputs);
  });
}

}  // namespace saker::reference
