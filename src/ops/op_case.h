// One list of cases per operation serves its test and its benchmark (<op>_cases.h).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/rng.h"
#include "device/backend.h"
#include "device/tensor.h"
#include "ops/segment.h"

namespace saker {

// A tensor between guards: what a kernel writes outside its output is seen. Filled from `seed`. It lies on the host,
// and for streams of a GPU has a copy there, guards and all; what was asked for last holds.
class CaseTensor {
 public:
  // `row_stride` 0: contiguous rows.
  CaseTensor(DType dtype, const Shape& shape, uint64_t seed, double mean = 0.0, double deviation = 1.0,
             int64_t row_stride = 0);

  TensorView view() {
    fetch_copy();
    copy_holds_ = false;
    return view_;
  }
  ConstTensorView view() const {
    fetch_copy();
    return view_;
  }
  // For an operation on `stream`.
  TensorView on(Stream& stream);
  // The bytes around the tensor, and between its rows, are as they were made.
  bool guards_intact() const;

 private:
  bool belongs(size_t byte) const noexcept;
  void fetch_copy() const;

  mutable std::vector<std::byte> bytes_;
  TensorView view_;
  Buffer copy_;                      // on a GPU
  mutable bool copy_holds_ = false;  // and may have been written to
};

// What a run wrote, and how exact it must be: |got - expected| <= epsilon(dtype) |expected|
// + 4 epsilon(f32) sqrt(length) scale, where `length` additions had partial sums of magnitude `scale`
// (docs/numerics.md).
struct OpOutput {
  std::string name;
  const CaseTensor* tensor;
  double scale = 1.0;
  double length = 1.0;
};

// Inputs and outputs of one call.
class OpProblem {
 public:
  virtual ~OpProblem() = default;
  virtual void run(Stream& stream) = 0;
  virtual std::vector<OpOutput> outputs() const = 0;
};

struct OpCase {
  std::string name;
  std::function<std::unique_ptr<OpProblem>()> make;
  double bytes = 0.0;      // moved to and from memory by one run
  double flops = 0.0;      // done by one run
  bool benchmark = false;  // a shape of real models: `saker bench --op` times it
  bool on_cpu = true;      // false: the CPU backend refuses its types
};

// Of a case's segments: the rows up to the end of the last one, and "length@slot,...", which names them.
int64_t rows_of(Segments segments) noexcept;
std::string text_of(Segments segments);

}  // namespace saker
