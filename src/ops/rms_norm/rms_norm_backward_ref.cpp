#include <cmath>
#include <vector>

#include "ops/elements.h"
#include "ops/rms_norm/rms_norm_backward.h"

namespace saker::reference {

void rms_norm_backward(Stream&, const RmsNormBackwardArgs& args) noexcept {
  const int64_t rows = args.x.rows(), columns = args.x.columns();
  std::vector<double> dweight(static_cast<size_t>(columns));
  for (int64_t t = 0; t < rows; ++t) {
    const auto g = [&](int64_t i) { return (args.weight ? element(args.weight, 0, i) : 1.0) * element(args.dy, t, i); };
    double squares = 0.0, products = 0.0;
    for (int64_t i = 0; i < columns; ++i) {
      const double x = element(args.x, t, i);
      squares += x * x;
      products += x * g(i);
    }
    const double r = 1.0 / std::sqrt(squares / static_cast<double>(columns) + args.eps);
    const double share = r * r * products / static_cast<double>(columns);
    for (int64_t i = 0; i < columns; ++i) {
      const double x = element(args.x, t, i), dx = r * (g(i) - x * share);
      dweight[static_cast<size_t>(i)] += element(args.dy, t, i) * x * r;
      set_element(args.dx, t, i, args.accumulate ? element(args.dx, t, i) + dx : dx);
      if (args.rounded) set_element(args.rounded, t, i, element(args.dx, t, i));
    }
  }
  for (int64_t i = 0; i < columns && args.dweight; ++i)
    add_element(args.dweight, 0, i, dweight[static_cast<size_t>(i)]);
}

}  // namespace saker::reference
