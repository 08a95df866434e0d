// The elements of a tensor for the host to read: where they are, or fetched from a GPU.
#pragma once

#include <utility>

#include "device/backend.h"

namespace saker {

class OnHost {
 public:
  // Of a tensor that lies at `place`, after all work of its GPU. A view of the host must outlive this.
  OnHost(const ConstTensorView& view, Place place) : view_(view) {
    if (place.on_host()) return;
    fetched_ = fetch(view, place);
    view_ = std::as_const(fetched_).view();
  }
  // Of one where the stream computes; throws what of its work went wrong.
  OnHost(const ConstTensorView& view, const Stream& stream) : OnHost(waited(view, stream), stream.backend().place()) {}

  ConstTensorView view() const noexcept { return view_; }

 private:
  static const ConstTensorView& waited(const ConstTensorView& view, const Stream& stream) {
    stream.wait();
    return view;
  }

  Tensor fetched_;
  ConstTensorView view_;
};

}  // namespace saker
