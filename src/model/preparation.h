// From the tensors of a checkpoint to the tensors that are computed with.
#pragma once

#include <functional>
#include <vector>

#include "device/arena.h"
#include "model/weights.h"

namespace saker {

// Whether to copy the weights of mapped files into memory of our own. Copied weights lie in huge pages, which a
// matrix-vector product reads up to 1.4 times as fast as the 4 KiB pages of a mapped file (bench/README.md); mapped
// ones cost no memory beyond the page cache and no time at start. Copied if they fit into half of what is free.
bool worth_copying(const Weights& weights);

// Makes tensors in `owned`; those that need no change stay where they are.
class Preparation {
 public:
  struct Options {
    DType matrices;     // how matrices are held
    DType others;       // how everything else is
    bool copy = false;  // also what needs no change
    int threads = 1;
  };

  Preparation(const Options& options, std::vector<Arena>& owned) : options_(options), owned_(owned) {}

  ConstTensorView matrix(const ConstTensorView& stored) { return converted(stored, options_.matrices); }
  // A vector, or nothing for nothing.
  ConstTensorView vector(const ConstTensorView& stored);
  // [e, ..., j] -> change(element) as [j, e]: channels become innermost.
  ConstTensorView channels_innermost(const ConstTensorView& stored, const std::function<double(double)>& change);

 private:
  TensorView add(DType dtype, const Shape& shape);
  ConstTensorView converted(const ConstTensorView& stored, DType dtype);

  Options options_;
  std::vector<Arena>& owned_;
};

}  // namespace saker
