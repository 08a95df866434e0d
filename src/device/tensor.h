// Views of tensors: a pointer with a type and a shape. They own nothing and compute nothing.
//
// Row-major, innermost dimension contiguous. `row_stride` is the distance in elements between rows (consecutive
// indices of the second innermost dimension); it exceeds the innermost extent where a view is a slice of wider rows,
// for example x and z within xz [l, 2e]. Dimensions further out are contiguous blocks of rows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "core/shape.h"

namespace saker {

template <class Pointer>
struct BasicTensorView {
  Pointer data = nullptr;
  DType dtype = DType::f32;
  Shape shape;
  int64_t row_stride = 0;

  BasicTensorView() = default;
  BasicTensorView(Pointer pointer, DType type, Shape extents) : BasicTensorView(pointer, type, extents, extents[-1]) {}
  BasicTensorView(Pointer pointer, DType type, Shape extents, int64_t stride)
      : data(pointer), dtype(type), shape(extents), row_stride(stride) {}
  // A view to write through can be read through.
  template <class Other>
  BasicTensorView(const BasicTensorView<Other>& other) requires(!std::is_same_v<Other, Pointer>)
      : data(other.data), dtype(other.dtype), shape(other.shape), row_stride(other.row_stride) {}

  explicit operator bool() const noexcept { return data != nullptr; }
  int64_t columns() const noexcept { return shape[-1]; }
  int64_t rows() const noexcept { return columns() == 0 ? 0 : shape.elements() / columns(); }
  bool contiguous() const noexcept { return row_stride == columns() || rows() <= 1; }

  // Element [row, column] as an offset from `data`, in elements.
  int64_t offset(int64_t row, int64_t column = 0) const noexcept { return row * row_stride + column; }

  // [rows, columns] -> columns [begin, begin + count) of every row.
  BasicTensorView slice_columns(int64_t begin, int64_t count) const {
    SAKER_ASSERT(shape.rank() == 2 && begin >= 0 && begin + count <= columns());
    return {at(begin), dtype, Shape{shape[0], count}, row_stride};
  }
  // [rows, columns] -> rows [begin, begin + count).
  BasicTensorView slice_rows(int64_t begin, int64_t count) const {
    SAKER_ASSERT(shape.rank() == 2 && begin >= 0 && begin + count <= shape[0]);
    return {at(begin * row_stride), dtype, Shape{count, shape[1]}, row_stride};
  }
  // [a, b, ...] -> [b, ...] at index `i` of the outermost dimension. Rank 2 to 4, contiguous.
  BasicTensorView index(int64_t i) const {
    SAKER_ASSERT(shape.rank() >= 2 && i >= 0 && i < shape[0] && (shape.rank() == 2 || contiguous()));
    const int64_t step = shape.rank() == 2 ? row_stride : shape.elements() / shape[0];
    const Shape inner = shape.rank() == 2   ? Shape{shape[1]}
                        : shape.rank() == 3 ? Shape{shape[1], shape[2]}
                                            : Shape{shape[1], shape[2], shape[3]};
    return {at(i * step), dtype, inner};
  }

  template <class T>
  auto as() const noexcept {
    using Element = std::conditional_t<std::is_const_v<std::remove_pointer_t<Pointer>>, const T, T>;
    return static_cast<Element*>(data);
  }

 private:
  Pointer at(int64_t element) const noexcept {
    using Byte = std::conditional_t<std::is_const_v<std::remove_pointer_t<Pointer>>, const std::byte, std::byte>;
    return static_cast<Byte*>(data) + element * static_cast<int64_t>(size_of(dtype));
  }
};

using TensorView = BasicTensorView<void*>;
using ConstTensorView = BasicTensorView<const void*>;

}  // namespace saker
