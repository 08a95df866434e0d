#include "ops/split_masters/split_masters.h"

#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

namespace {

void check_parts(const OpCheck& check, ConstTensorView master, ConstTensorView high, ConstTensorView low) {
  const int64_t elements = master.shape.elements();
  check.elements("high", high, elements);
  check.elements("low", low, 2 * elements);
  check.contiguous("master", master);
  check.contiguous("high", high);
  check.contiguous("low", low);
  check.same_type("master", master, DType::f32);
  check.same_type("high", high, DType::bf16);
  check.same_type("low", low, DType::u8);
}

}  // namespace

void split_masters(Stream& stream, const SplitMastersArgs& args) {
  check_parts(OpCheck("split_masters", stream.backend()), args.master, args.high, args.low);
  if (args.master.shape.elements() > 0) stream.ops().split_masters(stream, args);
}

void join_masters(Stream& stream, const JoinMastersArgs& args) {
  check_parts(OpCheck("join_masters", stream.backend()), args.master, args.high, args.low);
  if (args.master.shape.elements() > 0) stream.ops().join_masters(stream, args);
}

}  // namespace saker
