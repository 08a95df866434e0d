#include "ops/split_masters/split_masters.h"

namespace saker::reference {

void split_masters(Stream&, const SplitMastersArgs& args) noexcept {
  for (int64_t i = 0; i < args.master.shape.elements(); ++i) {
    const SplitMaster split = split_master(args.master.as<uint32_t>()[i]);
    args.high.as<uint16_t>()[i] = split.high;
    args.low.as<uint16_t>()[i] = split.low;
  }
}

void join_masters(Stream&, const JoinMastersArgs& args) noexcept {
  for (int64_t i = 0; i < args.master.shape.elements(); ++i)
    args.master.as<uint32_t>()[i] = joined_master({args.high.as<uint16_t>()[i], args.low.as<uint16_t>()[i]});
}

}  // namespace saker::reference
