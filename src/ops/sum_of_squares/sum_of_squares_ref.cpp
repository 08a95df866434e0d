#include "ops/elements.h"
#include "ops/sum_of_squares/sum_of_squares.h"

namespace saker::reference {

void sum_of_squares(Stream&, const SumOfSquaresArgs& args) noexcept {
  double sum = 0.0;
  for (int64_t i = 0; i < args.x.shape.elements(); ++i) {
    const double value = load_element(args.x.data, args.x.dtype, i);
    sum += value * value;
  }
  add_element(args.sum, 0, 0, sum);
}

}  // namespace saker::reference
