// The losses of a step's tokens on the host, gathered pass by pass.
#pragma once

#include <algorithm>

#include "device/buffer.h"
#include "device/stream_memory.h"
#include "train/micro_batch.h"

namespace saker {

// Passes write where the stream computes; what a GPU wrote follows into pinned memory in the order of its work, so that
// all of a step is there once the stream was waited for.
class StepNats {
 public:
  // `dtype` f32 or f64. For steps of up to `step_tokens` in passes of up to `pass_tokens`.
  StepNats(const Backend& backend, DType dtype, int64_t step_tokens, int64_t pass_tokens) : dtype_(dtype) {
    const auto bytes = static_cast<size_t>(step_tokens) * size_of(dtype);
    if (backend.place().on_host()) {
      host_ = Buffer(bytes);
      return;
    }
    host_ = Buffer::pinned(bytes);
    pass_ = Tensor(dtype, {pass_tokens}, backend.place());
  }

  // Where the pass of `micro` writes its nats [length].
  TensorView of(const MicroBatch& micro) {
    return pass_ ? TensorView(pass_.view().data, dtype_, {micro.length}) : on_host(micro);
  }
  // Behind that pass.
  void gather(Stream& stream, const MicroBatch& micro) {
    if (pass_) copy(stream, on_host(micro), of(micro));
  }
  // Of token t of the batch.
  double at(int64_t t) const noexcept {
    return dtype_ == DType::f32 ? static_cast<double>(reinterpret_cast<const float*>(host_.data())[t])
                                : reinterpret_cast<const double*>(host_.data())[t];
  }

 private:
  TensorView on_host(const MicroBatch& micro) {
    return {host_.data() + static_cast<size_t>(micro.begin) * size_of(dtype_), dtype_, {micro.length}};
  }

  DType dtype_;
  Buffer host_;
  Tensor pass_;  // [tokens of a pass], on a GPU
};

}  // namespace saker
