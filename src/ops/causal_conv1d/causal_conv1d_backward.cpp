#include "ops/causal_conv1d/causal_conv1d_backward.h"

#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

void causal_conv1d_backward(Stream& stream, const CausalConv1dBackwardArgs& args) {
  const OpCheck check("causal_conv1d_backward", stream.backend());
  const int64_t l = args.x.rows(), e = args.x.columns(), k = args.weight.rows();
  const int64_t s = args.state ? args.state.shape[0] : 0;
  for (const auto& [name, view] :
       {std::pair("x", args.x), std::pair("du", args.du), std::pair("dx", ConstTensorView(args.dx))}) {
    check.shape(name, view, {l, e});
    check.handed_on(name, view, DType::bf16);
    check.same_type(name, view, args.x.dtype);
  }
  check.that(k >= 2 && k <= 8, "2 to 8 taps", k);
  for (const auto& [name, view] :
       {std::pair("weight", args.weight), std::pair("dweight", ConstTensorView(args.dweight))}) {
    check.shape(name, view, {k, e});
    check.contiguous(name, view);
    check.activation(name, view);
  }
  check.that(static_cast<bool>(args.bias) == static_cast<bool>(args.dbias), "dbias exactly where bias is",
             args.dbias ? "dbias alone" : "bias alone");
  if (args.bias) {
    check.shape("bias", args.bias, {e});
    check.shape("dbias", args.dbias, {e});
    check.activation("bias", args.bias);
    check.activation("dbias", args.dbias);
  }
  for (const auto& [name, view] : {std::pair("state", args.state), std::pair("dstate", ConstTensorView(args.dstate))})
    if (view) {
      check.shape(name, view, {s, k - 1, e});
      check.contiguous(name, view);
      check.activation(name, view);
    }
  check.segments(args.segments, l, s);
  if (e > 0) stream.ops().causal_conv1d_backward(stream, args);
}

}  // namespace saker
