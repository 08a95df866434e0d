#include "ops/linear/linear.h"

#include "ops/check.h"
#include "ops/op_table.h"
#include "ops/quantize/quantize.h"

namespace saker {

bool rounds_to_fp8(Stream& stream, const ConstTensorView& weight, int64_t rows) {
  return stream.on_gpu() && stream.gpu().multiplies_fp8() && weight.dtype == DType::fp8 && rows > kLinearFp8ExactRows &&
         weight.rows() % 16 == 0;
}

namespace {

void run(Stream& stream, const LinearArgs& args) {
  const auto& [y, x, weight, bias, accumulate, addend] = args;
  const OpCheck check("linear", stream.backend());
  const int64_t l = x.rows(), i = x.columns(), o = weight.rows();
  check.shape("x", x, {l, i});
  check.shape("weight", weight, {o, i});
  check.shape("y", y, {l, o});
  if (is_quantized(weight.dtype)) {
    if (!(x.dtype == DType::fp8 && rounds_to_fp8(stream, weight, l))) check.same_type("x", x, DType::bf16);
    check.that(can_quantize(o, i), "a quantised weight with rows a multiple of 8 and columns of 128",
               weight.shape.text());
  } else {
    check.rounded("x", x);
    check.same_type("weight", weight, x.dtype);
  }
  check.contiguous("weight", weight);
  if (bias || accumulate || addend)
    check.activation("y", y);
  else
    check.handed_on("y", y, is_quantized(x.dtype) ? DType::bf16 : x.dtype);
  if (bias) {
    check.shape("bias", bias, {o});
    check.activation("bias", bias);
  }
  if (addend) {
    check.shape("addend", addend, {l, o});
    check.same_type("addend", addend, y.dtype);
  }
  if (l > 0 && o > 0) stream.ops().linear(stream, args);
}

}  // namespace

void linear(Stream& stream, TensorView y, ConstTensorView x, ConstTensorView weight, ConstTensorView bias,
            bool accumulate) {
  run(stream, {.y = y, .x = x, .weight = weight, .bias = bias, .accumulate = accumulate});
}

void linear_onto(Stream& stream, TensorView y, ConstTensorView addend, ConstTensorView x, ConstTensorView weight,
                 ConstTensorView bias) {
  run(stream, {.y = y, .x = x, .weight = weight, .bias = bias, .addend = addend});
}

}  // namespace saker
