// One element of each row: y[t] = x[t, ids[t]].
//
// Shapes    x [l, c]; ids [l]; y [l, 1]. Rows of x may be slices of wider rows.
// Types     x and y f32.
// Aliasing  none.
// Errors    invalid_argument if a shape differs from the above or an id is outside [0, c); unsupported if a type does.
// Cost      8 l bytes.
#pragma once

#include <cstdint>
#include <span>

#include "device/backend.h"
#include "device/tensor.h"

namespace saker {

struct PickColumnsArgs {
  TensorView y;                  // [l, 1]
  ConstTensorView x;             // [l, c]
  std::span<const int32_t> ids;  // [l]
};

void pick_columns(Stream& stream, TensorView y, ConstTensorView x, std::span<const int32_t> ids);

namespace reference {
void pick_columns(Stream& stream, const PickColumnsArgs& args) noexcept;
}
namespace cuda {
void pick_columns(Stream& stream, const PickColumnsArgs& args);
}

}  // namespace saker
