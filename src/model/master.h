// Masters of parameters: what the optimiser changes, in one piece or in two.
#pragma once

#include <string_view>

#include "device/buffer.h"

namespace saker {

// split: of what products read in bf16, that copy and 16 bits more (ops/adamw/split_master.h). 2 bytes a parameter
// less.
enum class MasterFormat { f32, split };
// As recipes say.
constexpr std::string_view name(MasterFormat format) noexcept {
  return format == MasterFormat::f32 ? "f32" : "split";
}

// `value`, or if it has no data `high` and `low`.
struct MasterView {
  ConstTensorView value;      // [...]
  ConstTensorView high, low;  // [...] bf16, [2 ...] u8

  bool is_split() const noexcept { return !value && low; }
};

// In one piece, in host memory; `view` lies at `place`.
Tensor master_on_host(const MasterView& view, Place place);

}  // namespace saker
