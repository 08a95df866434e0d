#include "ops/selective_scan/selective_scan.h"

#include "ops/check.h"
#include "ops/gpu_scratch.h"
#include "ops/op_table.h"

namespace saker {

void selective_scan(Stream& stream, const SelectiveScanArgs& args) {
  const OpCheck check("selective_scan", stream.backend());
  const int64_t l = args.u.rows(), e = args.u.columns(), n = args.A.rows(), s = args.state.shape[0];
  for (const auto& [name, view] : {std::pair("u", args.u), std::pair("y", ConstTensorView(args.y)),
                                   std::pair("delta", args.delta), std::pair("z", args.z)})
    check.shape(name, view, {l, e});
  for (const auto& [name, view] : {std::pair("B", args.B), std::pair("C", args.C)}) check.shape(name, view, {l, n});
  for (const auto& [name, view] : {std::pair("D", args.D), std::pair("delta_bias", args.delta_bias)})
    check.shape(name, view, {e});
  check.shape("A", args.A, {n, e});
  check.that(n >= 1 && n <= 256, "1 to 256 states", n);
  check.shape("state", args.state, {s, n, e});
  check.rounded("u", args.u);
  check.same_type("y", args.y, args.u.dtype);
  for (const auto& [name, view] : {std::pair("B", args.B), std::pair("C", args.C), std::pair("D", args.D),
                                   std::pair("delta_bias", args.delta_bias), std::pair("A", args.A),
                                   std::pair("state", ConstTensorView(args.state))})
    check.activation(name, view);
  check.handed_on("delta", args.delta, args.u.dtype);
  check.same_type("z", args.z, args.delta.dtype);
  check.contiguous("A", args.A);
  check.contiguous("state", args.state);
  check.segments(args.segments, l, s);
  if (args.chunk_states) {
    const auto count = static_cast<int64_t>(args.segments.size());
    check.shape("chunk_states", args.chunk_states, {chunk_row_count(l, count, kScanChunk), n, e});
    check.activation("chunk_states", args.chunk_states);
    check.contiguous("chunk_states", args.chunk_states);
  }
  if (e > 0) stream.ops().selective_scan(stream, args);
}

}  // namespace saker
