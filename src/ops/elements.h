// Elements of views as doubles, for the references: whatever the type, at [row, column].
#pragma once

#include "device/tensor.h"

namespace saker {

inline double element(const ConstTensorView& view, int64_t row, int64_t column) noexcept {
  return load_element(view.data, view.dtype, view.offset(row, column));
}
inline void set_element(const TensorView& view, int64_t row, int64_t column, double value) noexcept {
  store_element(view.data, view.dtype, view.offset(row, column), value);
}
inline void add_element(const TensorView& view, int64_t row, int64_t column, double value) noexcept {
  set_element(view, row, column, element(view, row, column) + value);
}

}  // namespace saker
