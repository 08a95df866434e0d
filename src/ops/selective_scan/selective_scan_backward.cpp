#include "ops/selective_scan/selective_scan_backward.h"

#include "ops/check.h"
#include "ops/gpu_scratch.h"
#include "ops/op_table.h"

namespace saker {

void selective_scan_backward(Stream& stream, const SelectiveScanBackwardArgs& args) {
  const OpCheck check("selective_scan_backward", stream.backend());
  const int64_t l = args.u.rows(), e = args.u.columns(), n = args.A.rows();
  const int64_t s = args.state ? args.state.shape[0] : 0;
  check.shape("u", args.u, {l, e});
  check.trained("u", args.u);
  check.that(n >= 1 && n <= 256, "1 to 256 states", n);
  const auto given = [&](std::string_view name, const ConstTensorView& view, std::initializer_list<int64_t> extents) {
    check.shape(name, view, extents);
    check.activation(name, view);
  };
  check.handed_on("delta", args.delta, args.u.dtype);
  for (const auto& [name, view] :
       {std::pair("delta", args.delta), std::pair("z", args.z), std::pair("dy", args.dy),
        std::pair("du", ConstTensorView(args.du)), std::pair("ddelta", ConstTensorView(args.ddelta)),
        std::pair("dz", ConstTensorView(args.dz))}) {
    check.shape(name, view, {l, e});
    check.same_type(name, view, args.delta.dtype);
  }
  given("B", args.B, {l, n});
  given("C", args.C, {l, n});
  given("A", args.A, {n, e});
  given("D", args.D, {e});
  given("delta_bias", args.delta_bias, {e});
  given("dB", args.dB, {l, n});
  given("dC", args.dC, {l, n});
  given("dA_log", args.dA_log, {n, e});
  given("dD", args.dD, {e});
  given("ddelta_bias", args.ddelta_bias, {e});
  check.contiguous("A", args.A);
  check.contiguous("dA_log", args.dA_log);
  for (const auto& [name, view] : {std::pair("state", args.state), std::pair("dstate", ConstTensorView(args.dstate))})
    if (view) {
      given(name, view, {s, n, e});
      check.contiguous(name, view);
    }
  if (args.chunk_states) {
    const auto count = static_cast<int64_t>(args.segments.size());
    given("chunk_states", args.chunk_states, {chunk_row_count(l, count, kScanChunk), n, e});
    check.contiguous("chunk_states", args.chunk_states);
  }
  check.segments(args.segments, l, s);
  if (e > 0) stream.ops().selective_scan_backward(stream, args);
}

}  // namespace saker
