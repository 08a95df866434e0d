#include <cmath>

#include "ops/negative_exp/negative_exp.h"

namespace saker::reference {

void negative_exp(Stream&, const NegativeExpArgs& args) noexcept {
  const auto& [y, x] = args;
  for (int64_t i = 0; i < x.shape.elements(); ++i)
    store_element(y.data, y.dtype, i, -std::exp(load_element(x.data, x.dtype, i)));
}

}  // namespace saker::reference
