#include <cmath>

#include "device/cpu/parallel.h"
#include "ops/negative_exp/negative_exp.h"

namespace saker::cpu {

void negative_exp(Stream& stream, const NegativeExpArgs& args) noexcept {
  const auto* from = args.x.as<float>();
  auto* to = args.y.as<float>();
  parallel_for(stream.threads(), args.x.shape.elements(), 4096, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) to[i] = static_cast<float>(-std::exp(static_cast<double>(from[i])));
  });
}

}  // namespace saker::cpu
