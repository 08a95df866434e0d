#include <cmath>

#include "ops/negative_exp/negative_exp.h"

namespace saker::reference {

void negative_exp(Stream&, const NegativeExpArgs& args) noexcept {
  for (int64_t i = 0; i < args.x.shape.elements(); ++i)
    store_element(args.y.data, args.y.dtype, i, -std::exp(load_element(args.x.data, args.x.dtype, i)));
}

}  // namespace saker::reference
