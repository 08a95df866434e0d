#include "ops/linear/linear_onednn.h"

#include "ops/linear/product_onednn.h"

namespace saker::cpu {

bool linear_onednn(Stream& stream, const LinearArgs& args) {
  const DType dtype = args.weight.dtype;
  if (dtype == DType::f16 || args.x.columns() == 0) return false;
  const int64_t l = args.x.rows(), o = args.weight.rows(), i = args.x.columns();
  const auto product = prepare_product({.m = l,
                                        .n = o,
                                        .k = i,
                                        .a_row = args.x.row_stride,
                                        .b_row = 1,
                                        .b_column = i,
                                        .c_row = args.y.row_stride,
                                        .type = dtype,
                                        .bias = static_cast<bool>(args.bias),
                                        .accumulate = args.accumulate,
                                        .threads = stream.threads()});
  if (!product || !product->routine().starts_with("brg")) return false;
  product->run(args.x.data, args.weight.data, args.bias.as<float>(), args.y.as<float>(),
               stream.scratch(product->scratch_bytes()));
  return true;
}

}  // namespace saker::cpu
