// Split masters (split_master.h) as tensors, on the host.
#pragma once

#include "device/tensor.h"
#include "ops/adamw/split_master.h"

namespace saker {

// whole [n] f32, high [n] bf16, low [2 n] u8.
inline void split_tensor(TensorView high, TensorView low, ConstTensorView whole) {
  for (int64_t i = 0; i < whole.shape.elements(); ++i) {
    const SplitMaster parts = split_master(whole.as<uint32_t>()[i]);
    high.as<uint16_t>()[i] = parts.high;
    low.as<uint16_t>()[i] = parts.low;
  }
}
inline void join_tensor(TensorView whole, ConstTensorView high, ConstTensorView low) {
  for (int64_t i = 0; i < whole.shape.elements(); ++i)
    whole.as<uint32_t>()[i] = joined_master({high.as<uint16_t>()[i], low.as<uint16_t>()[i]});
}

}  // namespace saker
