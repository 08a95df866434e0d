#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "device/cuda/launch_overlapping.cuh"
#include "ops/cast/cast.h"
#include "ops/linear/blas_product.cuh"
#include "ops/linear/dequantize.cuh"
#include "ops/linear/fp8_product.cuh"
#include "ops/linear/linear.h"
#include "ops/linear/rows_product.cuh"
#include "ops/quantize/fp8_rows.cuh"

namespace saker::cuda {

namespace {

__global__ void bias_kernel(float* y, int64_t y_stride, const float* bias, int64_t o, bool accumulate) {
  for (int64_t i = threadIdx.x; i < o; i += blockDim.x) {
    float& to = y[blockIdx.x * y_stride + i];
    to = accumulate ? to + bias[i] : bias[i];
  }
}

template <class Format, int kRowTiles, int kDepth>
void few_rows(Stream& stream, const LinearArgs& args) {
  using Shape = StreamShape<Format, kRowTiles, 8, kDepth>;
  const auto& [y, x, weight, bias, accumulate, addend] = args;
  const int b = static_cast<int>(x.rows()), o = static_cast<int>(weight.rows()), i = static_cast<int>(weight.columns());
  const RowsProduct problem{.weight = streamed(weight),
                            .bias = static_cast<const float*>(bias.data),
                            .x = x.data,
                            .y = y.data,
                            .x_stride = x.row_stride,
                            .y_stride = y.row_stride,
                            .batch = b,
                            .accumulate = accumulate};
  auto* const kernel =
      y.dtype == DType::f32 ? rows_product_kernel<Shape> : rows_product_kernel<Shape, typename Format::Element>;
  launch_overlapping(stream, kernel, static_cast<unsigned>(ceil_div(o, Shape::kRows)), kStreamThreads,
                     rows_product_bytes<Shape>(i, b), problem);
}

// Elements of a row that eight warps take at once: i has to be a multiple.
int64_t unit_of(DType dtype) {
  return dtype == DType::q4 ? 2048 : is_quantized(dtype) ? 1024 : 512;
}

// Up to kStreamBatch rows: the weights streamed once. False where it does not serve these arguments.
bool few_rows(Stream& stream, const LinearArgs& args) {
  const auto& [y, x, weight, bias, accumulate, addend] = args;
  const int64_t i = weight.columns();
  const bool served = x.rows() <= kStreamBatch && x.dtype != DType::f32 && i % unit_of(weight.dtype) == 0 &&
                      i <= 8192 && in_vectors(x) && alignment_of(weight.data) >= 16 && has_overlap(stream);
  if (!served) return false;
  // Enough blocks to fill the GPU; beyond that fewer reads of x.
  const auto with_format = [&]<class Format, int kDepth>() {
    weight.rows() >= 16384 ? few_rows<Format, 8, kDepth>(stream, args) : few_rows<Format, 2, kDepth>(stream, args);
  };
  switch (weight.dtype) {
    case DType::q8: with_format.template operator()<Int8, 4>(); break;
    case DType::q4: with_format.template operator()<Int4, 4>(); break;
    case DType::fp8: with_format.template operator()<Fp8, 6>(); break;
    case DType::bf16: with_format.template operator()<Sixteen<__nv_bfloat16>, 6>(); break;
    default: with_format.template operator()<Sixteen<__half>, 6>();
  }
  return true;
}

BlasProduct product_of(const LinearArgs& args) {
  return {.y = args.y,
          .left = args.x,
          .right = args.weight,
          .right_transposed = true,
          .accumulate = args.accumulate || args.bias,
          .addend = args.addend};
}

// Of weights in the type of x.
void product(Stream& stream, const LinearArgs& args) {
  const auto& [y, x, weight, bias, accumulate, addend] = args;
  if (bias)
    bias_kernel<<<static_cast<unsigned>(x.rows()), 256, 0, handle(stream)>>>(
        static_cast<float*>(y.data), y.row_stride, static_cast<const float*>(bias.data), weight.rows(), accumulate);
  blas_product(stream, product_of(args));
}

// The same product with the weights as bf16 in scratch memory. Not for few_rows, which reads weights before the kernels
// ahead of it are done.
LinearArgs dequantized(Stream& stream, const LinearArgs& args) {
  const ConstTensorView& weight = args.weight;
  const int64_t count = weight.shape.elements();
  void* const plain = stream.gpu().scratch(static_cast<size_t>(count) * sizeof(__nv_bfloat16));
  const auto blocks = static_cast<unsigned>(ceil_div(count, 256 * 8));
  auto* const kernel = weight.dtype == DType::q4   ? dequantize_kernel<DType::q4>
                       : weight.dtype == DType::q8 ? dequantize_kernel<DType::q8>
                                                   : dequantize_kernel<DType::fp8>;
  kernel<<<blocks, 256, 0, handle(stream)>>>(static_cast<uint4*>(plain), streamed(weight));
  LinearArgs same = args;
  same.weight = ConstTensorView(plain, DType::bf16, weight.shape);
  return same;
}

// The product of more than a few rows with weights of fp8, x rounded to fp8 if it is not yet. False for arguments that
// it or cuBLASLt does not serve.
bool fp8_product(Stream& stream, const LinearArgs& args) {
  const ConstTensorView& x = args.x;
  const bool rounded = x.dtype == DType::fp8;
  if (!rounds_to_fp8(stream, args.weight, x.rows()) || !(rounded || in_vectors(x))) return false;
  LinearArgs same = args;
  TensorView room;
  if (!rounded) {
    room = TensorView(stream.gpu().scratch(quantized_bytes(DType::fp8, x.rows(), x.columns())), DType::fp8, x.shape);
    same.x = room;
  }
  const GpuStream::State::Plan& plan = plan_for(state_of(stream), product_of(same));
  if (!plan.found && !rounded) return false;
  if (!plan.found) fail(ErrorCode::unsupported, "[linear] cuBLASLt has no product of fp8 for {}", x.shape.text());
  if (!rounded) round_rows_to_fp8</*kExact=*/false>(stream, room, x);
  set_fp8_scales(plan.product, same.weight, same.x);
  product(stream, same);
  return true;
}

// Whether one product makes addend + x weight^T.
bool adds_while_it_multiplies(const LinearArgs& args) {
  return !args.bias && !is_quantized(args.weight.dtype) && args.x.rows() > kStreamBatch &&
         args.addend.row_stride == args.y.row_stride;
}

}  // namespace

void linear(Stream& stream, const LinearArgs& args) {
  if (args.addend && !adds_while_it_multiplies(args)) {
    cast(stream, {args.y, args.addend});
    return linear(stream, {args.y, args.x, args.weight, args.bias, /*accumulate=*/true});
  }
  if (args.x.rows() == 0 || (args.x.dtype != DType::fp8 && few_rows(stream, args))) return;
  if (!is_quantized(args.weight.dtype)) return product(stream, args);
  if (!fp8_product(stream, args)) product(stream, dequantized(stream, args));
}

}  // namespace saker::cuda
