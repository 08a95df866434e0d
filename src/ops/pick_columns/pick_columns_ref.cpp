#include "ops/pick_columns/pick_columns.h"

#include "ops/elements.h"

namespace saker::reference {

void pick_columns(Stream&, const PickColumnsArgs& args) noexcept {
  for (int64_t t = 0; t < args.x.rows(); ++t)
    set_element(args.y, t, 0, element(args.x, t, args.ids[static_cast<size_t>(t)]));
}

}  // namespace saker::reference
