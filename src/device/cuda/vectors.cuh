// Neighbouring elements that travel in one access.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <type_traits>

#include "device/tensor.h"

namespace saker::cuda {

template <class T, int kCount>
struct alignas(sizeof(T) * kCount) Vector {
  T at[kCount];
};

template <int kCount, class T>
__device__ __forceinline__ Vector<T, kCount> load_vector(const T* from) {
  return *reinterpret_cast<const Vector<T, kCount>*>(from);
}
template <class T, int kCount>
__device__ __forceinline__ void store_vector(T* to, const Vector<T, kCount>& vector) {
  *reinterpret_cast<Vector<T, kCount>*>(to) = vector;
}

// Rows of `columns` elements are vectors of four in all of these tensors; empty ones do not count.
inline bool are_fours(int64_t columns, std::initializer_list<ConstTensorView> views) {
  for (const ConstTensorView& view : views)
    if (view && (reinterpret_cast<uintptr_t>(view.data) % (4 * size_of(view.dtype)) != 0 ||
                 (view.rows() > 1 && view.row_stride % 4 != 0)))
      return false;
  return columns % 4 == 0;
}

// Calls f(integral_constant()) with 4 or 1, the elements that a vector shall have.
template <class F>
void with_width(bool fours, const F& f) {
  fours ? f(std::integral_constant<int, 4>()) : f(std::integral_constant<int, 1>());
}

}  // namespace saker::cuda
