// From the tensors of a checkpoint to the tensors that are computed with.
#pragma once

#include <functional>
#include <vector>

#include "device/arena.h"
#include "device/backend.h"
#include "model/weights.h"

namespace saker {

// Whether to copy the weights of mapped files into memory of our own. Copied weights lie in huge pages, which a
// matrix-vector product reads up to 1.4 times as fast as the 4 KiB pages of a mapped file (bench/README.md); mapped
// ones cost no memory beyond the page cache and no time at start. Copied if they fit into half of what is free.
bool worth_copying(const Weights& weights);

// Whether every matrix has a shape that can be quantised.
bool can_quantize_all(const ModelConfig& config);

// How x_proj and dt_proj are held beside matrices in `matrices`. They are few weights, and the step size feels their
// rounding at once; x_proj is too narrow to gain by products of fp8.
constexpr DType x_proj_dtype(DType matrices) noexcept {
  return matrices == DType::fp8 ? DType::q8 : matrices;
}
constexpr DType dt_proj_dtype(DType matrices) noexcept {
  return is_quantized(matrices) ? DType::q8 : matrices;
}

// Bytes of the weights as they are computed with: matrices in `matrices`, embeddings in `plain`, the rest in `others`.
// A quantised head that is tied to the embeddings lies beside them.
size_t prepared_bytes(const ModelConfig& config, DType matrices, DType plain, DType others);

// Makes tensors in `owned`, at `place`; those that need no change and are there already stay where they are.
class Preparation {
 public:
  struct Options {
    const Backend* backend;
    DType matrices;     // how matrices are held: q8, q4 and fp8 where they can be, otherwise as `plain`
    DType plain;        // how the embeddings are
    DType others;       // how everything else is
    bool copy = false;  // also what needs no change
    int threads = 1;
    Place matrices_at{};  // where the stored matrices lie; everything else lies on the host
  };

  Preparation(const Options& options, std::vector<Arena>& owned)
      : options_(options), place_(options.backend->place()), owned_(owned), stream_(*options.backend) {}

  ConstTensorView matrix(const ConstTensorView& stored) { return matrix(stored, options_.matrices); }
  // The same in the type given.
  ConstTensorView matrix(const ConstTensorView& stored, DType dtype);
  ConstTensorView table(const ConstTensorView& stored) { return matrix(stored, options_.plain); }
  // A vector, or nothing for nothing.
  ConstTensorView vector(const ConstTensorView& stored);
  // [e, ..., j] -> change(element) as [j, e]: channels become innermost.
  ConstTensorView channels_innermost(const ConstTensorView& stored, const std::function<double(double)>& change);

 private:
  TensorView add(DType dtype, const Shape& shape);
  void* add(size_t bytes);
  ConstTensorView quantized(const ConstTensorView& stored, DType dtype);
  void copy_converted(const TensorView& to, const ConstTensorView& stored);
  ConstTensorView converted(const ConstTensorView& stored, DType dtype);
  void convert(void* to, DType dtype, const ConstTensorView& stored, int64_t begin, int64_t count) const;

  Options options_;
  Place place_;
  std::vector<Arena>& owned_;
  Stream stream_;
  Buffer unquantized_;  // on a GPU, as large as the largest matrix so far
  Buffer piece_;        // of a tensor on its way to a GPU
};

}  // namespace saker
