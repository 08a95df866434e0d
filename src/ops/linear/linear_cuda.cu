// Products by cuBLASLt, planned once per shape. Column by column for it: y^T [o, l] = weight [o, i] x^T [i, l].
#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "device/cuda/launch_overlapping.cuh"
#include "ops/linear/dequantize.cuh"
#include "ops/linear/fp8_product.cuh"
#include "ops/linear/linear.h"
#include "ops/linear/rows_product.cuh"
#include "ops/quantize/fp8_rows.cuh"

namespace saker::cuda {

namespace {

// Where cuBLASLt has nothing for a shape or an alignment.
template <class T, class Y>
__global__ void linear_any(Y* y, int64_t y_stride, const T* x, int64_t x_stride, const T* weight, int64_t l, int64_t o,
                           int64_t i, float beta) {
  const int64_t at = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (at >= l * o) return;
  const int64_t row = at / o, output = at % o;
  float sum = 0.0f;
  for (int64_t j = 0; j < i; ++j) sum = fmaf(widen(x[row * x_stride + j]), widen(weight[output * i + j]), sum);
  Y& to = y[row * y_stride + output];
  to = round_to<Y>(beta == 0.0f ? sum : widen(to) + sum);
}

__global__ void bias_kernel(float* y, int64_t y_stride, const float* bias, int64_t o, bool accumulate) {
  for (int64_t i = threadIdx.x; i < o; i += blockDim.x) {
    float& to = y[blockIdx.x * y_stride + i];
    to = accumulate ? to + bias[i] : bias[i];
  }
}

cudaDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::fp8: return CUDA_R_8F_E4M3;
    case DType::bf16: return CUDA_R_16BF;
    case DType::f16: return CUDA_R_16F;
    default: return CUDA_R_32F;
  }
}

// The largest power of two up to 256 that divides the address.
uint32_t alignment_of(const void* data) {
  const auto address = reinterpret_cast<uintptr_t>(data) | 256;
  return static_cast<uint32_t>(address & (~address + 1));
}

using State = GpuStream::State;

State::Plan make_plan(State& s, const LinearArgs& args) {
  const auto& [y, x, weight, bias, accumulate] = args;
  const auto l = static_cast<uint64_t>(x.rows()), o = static_cast<uint64_t>(weight.rows()),
             i = static_cast<uint64_t>(weight.columns());
  const cudaDataType_t type = type_of(x.dtype);
  const cublasOperation_t transposed = CUBLAS_OP_T;
  State::Plan plan;
  cublasLtMatmulDescCreate(&plan.product, CUBLAS_COMPUTE_32F, CUDA_R_32F);
  cublasLtMatmulDescSetAttribute(plan.product, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed);
  if (x.dtype == DType::fp8) set_fp8_scales(plan.product, weight, x);
  cublasLtMatrixLayoutCreate(&plan.weight, type, i, o, static_cast<int64_t>(i));
  cublasLtMatrixLayoutCreate(&plan.x, type, i, l, x.row_stride);
  cublasLtMatrixLayoutCreate(&plan.y, type_of(y.dtype), o, l, y.row_stride);
  cublasLtMatmulPreference_t preference = nullptr;
  cublasLtMatmulPreferenceCreate(&preference);
  const size_t workspace = State::kBlasWorkspace;
  const uint32_t of_weight = alignment_of(weight.data), of_x = alignment_of(x.data), of_y = alignment_of(y.data);
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value);
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, of_weight);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, of_x);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, of_y);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, of_y);
  cublasLtMatmulHeuristicResult_t result{};
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(s.blas, plan.product, plan.weight, plan.x, plan.y,
                                                               plan.y, preference, 1, &result, &found);
  plan.found = status == CUBLAS_STATUS_SUCCESS && found > 0;
  plan.algorithm = result.algo;
  cublasLtMatmulPreferenceDestroy(preference);
  return plan;
}

const State::Plan& plan_for(State& s, const LinearArgs& args) {
  const int alignment = static_cast<int>(alignment_of(args.weight.data) | alignment_of(args.x.data) << 9 |
                                         alignment_of(args.y.data) << 18);
  const int types = static_cast<int>(args.x.dtype) | static_cast<int>(args.y.dtype) << 8;
  const State::PlanKey key{args.x.rows(),     args.weight.rows(), args.weight.columns(), types, args.x.row_stride,
                           args.y.row_stride, alignment};
  const auto found = s.plans.find(key);
  return found != s.plans.end() ? found->second : s.plans.emplace(key, make_plan(s, args)).first->second;
}

// Up to kStreamBatch rows: the weights streamed once. False where it does not serve these arguments.
template <class Format, int kRowTiles, int kDepth>
void few_rows(Stream& stream, const LinearArgs& args) {
  using Shape = StreamShape<Format, kRowTiles, 8, kDepth>;
  const auto& [y, x, weight, bias, accumulate] = args;
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

// Units of the formats, of i, for eight warps.
int64_t unit_of(DType dtype) {
  return dtype == DType::q4 ? 2048 : is_quantized(dtype) ? 1024 : 512;
}

bool few_rows(Stream& stream, const LinearArgs& args) {
  const auto& [y, x, weight, bias, accumulate] = args;
  const int64_t i = weight.columns();
  const bool served = x.rows() <= kStreamBatch && x.dtype != DType::f32 && i % unit_of(weight.dtype) == 0 &&
                      i <= 8192 && x.row_stride % 8 == 0 && alignment_of(x.data) >= 16 &&
                      alignment_of(weight.data) >= 16 && has_overlap(stream);
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

// Of weights in the type of x.
void product(Stream& stream, const LinearArgs& args) {
  const auto& [y, x, weight, bias, accumulate] = args;
  State& s = state_of(stream);
  const int64_t l = x.rows(), o = weight.rows(), i = weight.columns();
  if (bias)
    bias_kernel<<<static_cast<unsigned>(l), 256, 0, s.stream>>>(static_cast<float*>(y.data), y.row_stride,
                                                                static_cast<const float*>(bias.data), o, accumulate);
  const State::Plan& plan = plan_for(s, args);
  const float alpha = 1.0f, beta = accumulate || bias ? 1.0f : 0.0f;
  if (plan.found) {
    const cublasStatus_t status =
        cublasLtMatmul(s.blas, plan.product, &alpha, weight.data, plan.weight, x.data, plan.x, &beta, y.data, plan.y,
                       y.data, plan.y, &plan.algorithm, s.blas_workspace, State::kBlasWorkspace, s.stream);
    if (status != CUBLAS_STATUS_SUCCESS && s.error.empty())
      s.error = std::string("cublasLtMatmul: ") + cublasLtGetStatusString(status);
  } else {
    with_element(x.dtype, [&]<class T>(T) {
      with_f32_or<T>(y.dtype, [&]<class Y>(Y) {
        linear_any<<<static_cast<unsigned>(ceil_div(l * o, 128)), 128, 0, s.stream>>>(
            static_cast<Y*>(y.data), y.row_stride, static_cast<const T*>(x.data), x.row_stride,
            static_cast<const T*>(weight.data), l, o, i, beta);
      });
    });
  }
  s.launched("linear");
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

// The product of more than a few rows with weights of fp8, x rounded to fp8 too. False for arguments that it or
// cuBLASLt does not serve.
bool fp8_product(Stream& stream, const LinearArgs& args) {
  const ConstTensorView& x = args.x;
  const bool served = args.weight.dtype == DType::fp8 && x.rows() > kLinearFp8ExactRows &&
                      args.weight.rows() % 16 == 0 && x.row_stride % 8 == 0 && alignment_of(x.data) >= 16;
  if (!served) return false;
  const size_t bytes = quantized_bytes(DType::fp8, x.rows(), x.columns());
  const TensorView rounded(stream.gpu().scratch(bytes), DType::fp8, x.shape);
  LinearArgs same = args;
  same.x = rounded;
  const State::Plan& plan = plan_for(state_of(stream), same);
  if (!plan.found) return false;
  quantize_fp8_rows(stream, rounded, x);
  set_fp8_scales(plan.product, same.weight, same.x);
  product(stream, same);
  return true;
}

}  // namespace

void linear(Stream& stream, const LinearArgs& args) {
  if (args.x.rows() == 0 || few_rows(stream, args)) return;
  if (!is_quantized(args.weight.dtype)) return product(stream, args);
  if (!fp8_product(stream, args)) product(stream, dequantized(stream, args));
}

}  // namespace saker::cuda
