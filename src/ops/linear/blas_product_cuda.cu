// Column by column for cuBLASLt: y^T [n, m] = right^T [n, k] left^T [k, m], so that right comes first.
#include <algorithm>

#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "ops/linear/blas_product.cuh"
#include "ops/linear/fp8_product.cuh"

namespace saker::cuda {

namespace {

// Element [i, j] of a factor lies at i * row + j * column.
template <class T>
struct Factor {
  const T* data;
  int64_t row, column;
};

template <class T, class Y>
__global__ void any_product_kernel(Y* y, const Y* addend, int64_t y_stride, Factor<T> left, Factor<T> right, int64_t m,
                                   int64_t n, int64_t k) {
  const int64_t at = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (at >= m * n) return;
  const T *a = left.data + at / n * left.row, *b = right.data + at % n * right.column;
  float sum = 0.0f;
  for (int64_t j = 0; j < k; ++j) sum = fmaf(widen(a[j * left.column]), widen(b[j * right.row]), sum);
  const int64_t place = at / n * y_stride + at % n;
  y[place] = round_to<Y>(addend ? widen(addend[place]) + sum : sum);
}

template <class T>
Factor<T> factor(const ConstTensorView& view, bool transposed) {
  const auto* data = static_cast<const T*>(view.data);
  return transposed ? Factor<T>{data, 1, view.row_stride} : Factor<T>{data, view.row_stride, 1};
}

// What the product is added to, or null.
const void* added_to(const BlasProduct& p) {
  return p.addend ? p.addend.data : p.accumulate ? p.y.data : nullptr;
}

// How often it is added. What it adds to in place once, cuBLASLt sends to memory as an addition (its kernels "badd"),
// for which it rounds the product to y's type, and the sum once more. With another factor it has to read what lies
// there: this one changes that by half a unit in the last place of f32, in which the sum is made.
float factor_of_added(const BlasProduct& p) {
  constexpr float kAlmostOne = 1.0f - 0x1p-24f;
  if (!added_to(p)) return 0.0f;
  return p.accumulate && p.y.dtype != DType::f32 ? kAlmostOne : 1.0f;
}

// Of y and what is added, which are laid out alike.
uint32_t alignment_of_y(const BlasProduct& p) {
  return p.addend ? std::min(alignment_of(p.y.data), alignment_of(p.addend.data)) : alignment_of(p.y.data);
}

// Where cuBLASLt has nothing.
void any_product(Stream& stream, const BlasProduct& p) {
  const auto blocks = static_cast<unsigned>(ceil_div(p.m() * p.n(), 128));
  with_element(p.left.dtype, [&]<class T>(T) {
    with_f32_or<T>(p.y.dtype, [&]<class Y>(Y) {
      any_product_kernel<<<blocks, 128, 0, handle(stream)>>>(
          static_cast<Y*>(p.y.data), static_cast<const Y*>(added_to(p)), p.y.row_stride,
          factor<T>(p.left, p.left_transposed), factor<T>(p.right, p.right_transposed), p.m(), p.n(), p.k());
    });
  });
}

cudaDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::fp8: return CUDA_R_8F_E4M3;
    case DType::bf16: return CUDA_R_16BF;
    case DType::f16: return CUDA_R_16F;
    default: return CUDA_R_32F;
  }
}

using State = GpuStream::State;

// As it lies: a row here is a column for cuBLASLt.
cublasLtMatrixLayout_t layout_of(const ConstTensorView& view) {
  cublasLtMatrixLayout_t layout = nullptr;
  cublasLtMatrixLayoutCreate(&layout, type_of(view.dtype), static_cast<uint64_t>(view.columns()),
                             static_cast<uint64_t>(view.rows()), view.row_stride);
  return layout;
}

State::Plan make_plan(State& s, const BlasProduct& p) {
  const cublasOperation_t of_right = p.right_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasOperation_t of_left = p.left_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  State::Plan plan;
  cublasLtMatmulDescCreate(&plan.product, CUBLAS_COMPUTE_32F, CUDA_R_32F);
  cublasLtMatmulDescSetAttribute(plan.product, CUBLASLT_MATMUL_DESC_TRANSA, &of_right, sizeof of_right);
  cublasLtMatmulDescSetAttribute(plan.product, CUBLASLT_MATMUL_DESC_TRANSB, &of_left, sizeof of_left);
  if (p.left.dtype == DType::fp8) set_fp8_scales(plan.product, p.right, p.left);
  plan.right = layout_of(p.right);
  plan.left = layout_of(p.left);
  plan.y = layout_of(p.y);
  cublasLtMatmulPreference_t preference = nullptr;
  cublasLtMatmulPreferenceCreate(&preference);
  const size_t workspace = State::kBlasWorkspace;
  const uint32_t right_at = alignment_of(p.right.data), left_at = alignment_of(p.left.data), y_at = alignment_of_y(p);
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value);
  };
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace);
  // Parts of a sum are added up before they are rounded to y's type.
  constexpr uint32_t kReductions = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
  if (p.y.dtype != DType::f32) set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, kReductions);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, right_at);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, left_at);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, y_at);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, y_at);
  cublasLtMatmulHeuristicResult_t result{};
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(s.blas, plan.product, plan.right, plan.left, plan.y,
                                                               plan.y, preference, 1, &result, &found);
  plan.found = status == CUBLAS_STATUS_SUCCESS && found > 0;
  plan.algorithm = result.algo;
  cublasLtMatmulPreferenceDestroy(preference);
  return plan;
}

}  // namespace

uint32_t alignment_of(const void* data) {
  const auto address = reinterpret_cast<uintptr_t>(data) | 256;
  return static_cast<uint32_t>(address & (~address + 1));
}

const State::Plan& plan_for(State& s, const BlasProduct& p) {
  const int alignment =
      static_cast<int>(alignment_of(p.right.data) | alignment_of(p.left.data) << 9 | alignment_of_y(p) << 18);
  const int kinds = static_cast<int>(p.left.dtype) | static_cast<int>(p.y.dtype) << 8 |
                    (p.left_transposed ? 1 << 16 : 0) | (p.right_transposed ? 1 << 17 : 0);
  const State::PlanKey key{p.m(),          p.n(),    p.k(), kinds, p.left.row_stride, p.right.row_stride,
                           p.y.row_stride, alignment};
  const auto found = s.plans.find(key);
  return found != s.plans.end() ? found->second : s.plans.emplace(key, make_plan(s, p)).first->second;
}

void blas_product(Stream& stream, const BlasProduct& p) {
  State& s = state_of(stream);
  const State::Plan& plan = plan_for(s, p);
  const void* const added = added_to(p);
  const float alpha = 1.0f, beta = factor_of_added(p);
  if (plan.found) {
    const cublasStatus_t status = cublasLtMatmul(s.blas, plan.product, &alpha, p.right.data, plan.right, p.left.data,
                                                 plan.left, &beta, added ? added : p.y.data, plan.y, p.y.data, plan.y,
                                                 &plan.algorithm, s.blas_workspace, State::kBlasWorkspace, s.stream);
    if (status != CUBLAS_STATUS_SUCCESS && s.error.empty())
      s.error = std::string("cublasLtMatmul: ") + cublasLtGetStatusString(status);
  } else {
    any_product(stream, p);
  }
  s.launched("product");
}

}  // namespace saker::cuda
