// Neighbouring elements that travel in one access.
#pragma once

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <type_traits>

#include "device/cuda/intrinsics.cuh"
#include "device/tensor.h"

namespace saker::cuda {

template <class T, int kCount>
struct alignas(sizeof(T) * kCount) Vector {
  T at[kCount];
};

// So many bytes as one access has.
template <size_t kBytes>
using Word =
    std::conditional_t<kBytes == 16, uint4,
                       std::conditional_t<kBytes == 8, uint2, std::conditional_t<kBytes == 4, uint32_t, uint16_t>>>;

template <int kCount, class T>
__device__ __forceinline__ Vector<T, kCount> load_vector(const T* from) {
  return *reinterpret_cast<const Vector<T, kCount>*>(from);
}
template <class T, int kCount>
__device__ __forceinline__ void store_vector(T* to, const Vector<T, kCount>& vector) {
  Word<sizeof vector> word;  // as a vector it may be stored element by element
  memcpy(&word, &vector, sizeof word);
  *reinterpret_cast<Word<sizeof vector>*>(to) = word;
}
template <class T, int kCount>
__device__ __forceinline__ Vector<float, kCount> widened(const Vector<T, kCount>& from) {
  Vector<float, kCount> to;
#pragma unroll
  for (int k = 0; k < kCount; ++k) to.at[k] = widen(from.at[k]);
  return to;
}
// Types of 16 bits two at a time, by one instruction.
template <class T, int kCount>
__device__ __forceinline__ Vector<T, kCount> rounded(const Vector<float, kCount>& from) {
  Vector<T, kCount> to;
  if constexpr (sizeof(T) == 2 && kCount % 2 == 0) {
    uint32_t pairs[kCount / 2];
#pragma unroll
    for (int k = 0; k < kCount / 2; ++k) pairs[k] = pack(from.at[2 * k], from.at[2 * k + 1], T());
    memcpy(&to, pairs, sizeof to);
  } else {
#pragma unroll
    for (int k = 0; k < kCount; ++k) to.at[k] = round_to<T>(from.at[k]);
  }
  return to;
}

// Rows of `columns` elements are vectors of kCount in all of these tensors; empty ones do not count.
template <int kCount>
bool are_vectors(int64_t columns, std::initializer_list<ConstTensorView> views) {
  for (const ConstTensorView& view : views)
    if (view && (reinterpret_cast<uintptr_t>(view.data) % (kCount * size_of(view.dtype)) != 0 ||
                 (view.rows() > 1 && view.row_stride % kCount != 0)))
      return false;
  return columns % kCount == 0;
}
inline bool are_fours(int64_t columns, std::initializer_list<ConstTensorView> views) {
  return are_vectors<4>(columns, views);
}

// Calls f(integral_constant()) with 4 or 1, the elements that a vector shall have.
template <class F>
void with_width(bool fours, const F& f) {
  fours ? f(std::integral_constant<int, 4>()) : f(std::integral_constant<int, 1>());
}

}  // namespace saker::cuda
