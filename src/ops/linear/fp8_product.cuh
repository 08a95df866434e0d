// Products of e4m3 with e4m3 by cuBLASLt: both operands are DType::fp8 (ops/quantize/quantize.h), rows of codes with a
// scale for each row, and sums are multiplied with both scales. Hopper has them.
#pragma once

#include "device/cuda/stream_state.cuh"
#include "device/tensor.h"
#include "ops/quantize/quantize.h"

namespace saker::cuda {

// Tells cuBLASLt where the scales are, and to leave sums in the tensor cores for the whole of k: about 13 bits behind
// the largest that is added (docs/numerics.md), and 6% more of a prompt per second.
inline void set_fp8_scales(cublasLtMatmulDesc_t product, const ConstTensorView& weight, const ConstTensorView& x) {
  const auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
    cublasLtMatmulDescSetAttribute(product, attribute, &value, sizeof value);
  };
  const auto scales = [](const ConstTensorView& q) {
    return static_cast<const void*>(static_cast<const std::byte*>(q.data) +
                                    code_bytes(DType::fp8, q.rows(), q.columns()));
  };
  set(CUBLASLT_MATMUL_DESC_FAST_ACCUM, int8_t{1});
  set(CUBLASLT_MATMUL_DESC_A_SCALE_MODE, CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F);
  set(CUBLASLT_MATMUL_DESC_B_SCALE_MODE, CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F);
  set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, scales(weight));
  set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, scales(x));
}

}  // namespace saker::cuda
