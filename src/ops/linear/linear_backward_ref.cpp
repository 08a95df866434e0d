#include "ops/elements.h"
#include "ops/linear/linear_backward.h"

namespace saker::reference {

namespace {

// dy as the products see it.
double rounded_dy(const LinearBackwardArgs& args, int64_t t, int64_t o) {
  const double dy = element(args.dy, t, o);
  return args.x.dtype == DType::bf16 ? static_cast<float>(BFloat16(static_cast<float>(dy))) : dy;
}

}  // namespace

void linear_backward(Stream&, const LinearBackwardArgs& args) noexcept {
  const int64_t l = args.x.rows(), inputs = args.x.columns(), outputs = args.weight.rows();
  for (int64_t t = 0; t < l && args.dx; ++t)
    for (int64_t i = 0; i < inputs; ++i) {
      double sum = args.accumulate ? element(args.dx, t, i) : 0.0;
      for (int64_t o = 0; o < outputs; ++o) sum += rounded_dy(args, t, o) * element(args.weight, o, i);
      set_element(args.dx, t, i, sum);
    }
  for (int64_t o = 0; o < outputs && args.dweight; ++o)
    for (int64_t i = 0; i < inputs; ++i) {
      double sum = 0.0;
      for (int64_t t = 0; t < l; ++t) sum += rounded_dy(args, t, o) * element(args.x, t, i);
      args.first ? set_element(args.dweight, o, i, sum) : add_element(args.dweight, o, i, sum);
    }
  for (int64_t o = 0; o < outputs && args.dbias; ++o) {
    double sum = 0.0;
    for (int64_t t = 0; t < l; ++t) sum += element(args.dy, t, o);
    add_element(args.dbias, 0, o, sum);
  }
}

}  // namespace saker::reference
