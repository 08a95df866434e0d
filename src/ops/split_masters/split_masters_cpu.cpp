#include "device/cpu/parallel.h"
#include "ops/split_masters/split_masters.h"

// Loops that compilers make vectors of.
namespace saker::cpu {

namespace {
constexpr int64_t kGrain = 1 << 14;
}  // namespace

void split_masters(Stream& stream, const SplitMastersArgs& args) noexcept {
  const auto* master = args.master.as<uint32_t>();
  auto *high = args.high.as<uint16_t>(), *low = args.low.as<uint16_t>();
  parallel_for(stream.threads(), args.master.shape.elements(), kGrain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const SplitMaster split = split_master(master[i]);
      high[i] = split.high;
      low[i] = split.low;
    }
  });
}

void join_masters(Stream& stream, const JoinMastersArgs& args) noexcept {
  auto* master = args.master.as<uint32_t>();
  const auto *high = args.high.as<uint16_t>(), *low = args.low.as<uint16_t>();
  parallel_for(stream.threads(), args.master.shape.elements(), kGrain, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) master[i] = joined_master({high[i], low[i]});
  });
}

}  // namespace saker::cpu
