#include "ops/cast/cast.h"

namespace saker::reference {

void cast(Stream&, const CastArgs& args) noexcept {
  const auto& [y, x] = args;
  for (int64_t row = 0; row < x.rows(); ++row)
    for (int64_t i = 0; i < x.columns(); ++i)
      store_element(y.data, y.dtype, y.offset(row, i), load_element(x.data, x.dtype, x.offset(row, i)));
}

}  // namespace saker::reference
