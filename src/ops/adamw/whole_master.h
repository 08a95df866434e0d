// For steps on the host: a master that is split, in one piece while this lives.
#pragma once

#include "device/cpu/parallel.h"
#include "ops/adamw/adamw.h"
#include "ops/adamw/split_master.h"

namespace saker {

class WholeMaster {
 public:
  // `args` with `low`. The piece lies in the stream's outer scratch memory.
  WholeMaster(Stream& stream, const AdamwArgs& args)
      : stream_(stream), args_(args), elements_(args.parameter.shape.elements()) {
    whole_ = static_cast<uint32_t*>(stream.outer_scratch(static_cast<size_t>(elements_) * sizeof(float)));
    const auto *high = args.rounded.as<uint16_t>(), *low = args.low.as<uint16_t>();
    in_pieces([=, whole = whole_](int64_t i) { whole[i] = joined_master({high[i], low[i]}); });
  }
  WholeMaster(const WholeMaster&) = delete;
  ~WholeMaster() {
    auto *high = args_.rounded.as<uint16_t>(), *low = args_.low.as<uint16_t>();
    in_pieces([=, whole = whole_](int64_t i) {
      const SplitMaster split = split_master(whole[i]);
      high[i] = split.high;
      low[i] = split.low;
    });
  }

  // The same step, on the piece.
  AdamwArgs args() const {
    AdamwArgs step = args_;
    step.parameter = TensorView(whole_, DType::f32, args_.parameter.shape);
    step.rounded = step.low = {};
    return step;
  }

 private:
  // Loops that compilers make vectors of.
  template <class Each>
  void in_pieces(const Each& each) const {
    parallel_for(stream_.threads(), elements_, 1 << 14, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) each(i);
    });
  }

  Stream& stream_;
  const AdamwArgs& args_;
  int64_t elements_;
  uint32_t* whole_;
};

}  // namespace saker
