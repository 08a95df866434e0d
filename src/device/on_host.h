// The elements of a tensor for the host to read: where they are, or fetched from a GPU.
#pragma once

#include <utility>

#include "device/backend.h"

namespace saker {

class OnHost {
 public:
  // Waits for the stream, whose backend the tensor belongs to. A view of the host must outlive this.
  OnHost(const ConstTensorView& view, const Stream& stream) : view_(view) {
    if (!stream.on_gpu()) return;
    stream.wait();
    fetched_ = fetch(view, stream.backend().place());
    view_ = std::as_const(fetched_).view();
  }

  ConstTensorView view() const noexcept { return view_; }

 private:
  Tensor fetched_;
  ConstTensorView view_;
};

}  // namespace saker
