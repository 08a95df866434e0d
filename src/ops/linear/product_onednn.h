// Dense products by oneDNN, as it knows them: shapes and strides are fixed when code is generated, which is once.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/dtype.h"

namespace saker::cpu {

// C [m, n] (+)= A [m, k] B [k, n] (+ bias [n]); C and bias f32. Strides in elements.
struct Product {
  int64_t m = 0, n = 0, k = 0;
  int64_t a_row = 0, a_column = 1;
  int64_t b_row = 0, b_column = 1;
  int64_t c_row = 0;
  DType type = DType::f32;  // of A and B: f32 or bf16
  bool bias = false, accumulate = false;
  int threads = 1;  // with one, a product may be run within a parallel region; its bits depend on nothing else

  bool operator<(const Product& other) const;
};

class PreparedProduct {
 public:
  virtual ~PreparedProduct() = default;
  virtual size_t scratch_bytes() const noexcept = 0;
  // oneDNN's name of the routine: "brg..." is the blocked one, which never divides a sum among threads.
  virtual std::string_view routine() const noexcept = 0;
  // May be called from several threads at once, each with its own scratch, 64-byte aligned.
  virtual void run(const void* a, const void* b, const float* bias, float* c, void* scratch) const = 0;
};

// Null if oneDNN has no routine for it on this machine. Prepared products are kept; a run meets few shapes. Not to be
// called within a parallel region. Throws internal if oneDNN fails.
std::shared_ptr<const PreparedProduct> prepare_product(const Product& product);

}  // namespace saker::cpu
