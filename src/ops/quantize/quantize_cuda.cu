#include "device/cuda/intrinsics.cuh"
#include "device/cuda/launch.cuh"
#include "ops/quantize/fp8_rows.cuh"
#include "ops/quantize/quantize.h"

namespace saker::cuda {

namespace {

constexpr int kWarps = 8;

// A warp for a group: four neighbours a lane.
template <class T, bool kFour>
__global__ void __launch_bounds__(32 * kWarps)
    quantize_kernel(uint32_t* codes, __nv_bfloat16* scales, const T* weight, int64_t rows, int64_t columns) {
  constexpr float kLimit = kFour ? 7.0f : 127.0f;
  const int64_t group = blockIdx.x * int64_t{kWarps} + threadIdx.x / 32, groups = columns / kQuantizedGroup;
  const int lane = threadIdx.x % 32;
  if (group >= rows * groups) return;
  const int64_t first = group * kQuantizedGroup + lane * 4;
  float value[4], largest = 0.0f;
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    value[k] = widen(weight[first + k]);
    largest = fmaxf(largest, fabsf(value[k]));
  }
  const __nv_bfloat16 stored = __float2bfloat16_rn(__fdiv_rn(warp_max(largest), kLimit));
  const float scale = __bfloat162float(stored);
  if (lane == 0) scales[group % groups * rows + group / groups] = stored;
  uint32_t word = 0;
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    const float exact = scale == 0.0f ? 0.0f : __fdiv_rn(value[k], scale);
    const int code = static_cast<int>(fminf(fmaxf(rintf(exact), -kLimit), kLimit));
    if constexpr (kFour)
      word |= static_cast<uint32_t>(code + 8) << ((lane % 2 * 4 + k) / 2 * 4 + k % 2 * 16);
    else
      word |= static_cast<uint32_t>(code & 255) << (8 * k);
  }
  if constexpr (kFour) {
    word |= __shfl_xor_sync(0xffffffffu, word, 1);
    if (lane % 2 == 0) codes[first / 8] = word;
  } else {
    codes[first / 4] = word;
  }
}

// q8 and q4.
void quantize_groups(Stream& stream, const QuantizeArgs& args) {
  const auto& [q, weight] = args;
  const int64_t rows = weight.rows(), columns = weight.columns();
  auto* codes = static_cast<uint32_t*>(q.data);
  auto* scales = reinterpret_cast<__nv_bfloat16*>(static_cast<std::byte*>(q.data) + code_bytes(q.dtype, rows, columns));
  const auto blocks = static_cast<unsigned>(ceil_div(rows * columns / kQuantizedGroup, kWarps));
  with_element(weight.dtype, [&]<class T>(T) {
    const auto* from = static_cast<const T*>(weight.data);
    if (q.dtype == DType::q4)
      quantize_kernel<T, true><<<blocks, 32 * kWarps, 0, handle(stream)>>>(codes, scales, from, rows, columns);
    else
      quantize_kernel<T, false><<<blocks, 32 * kWarps, 0, handle(stream)>>>(codes, scales, from, rows, columns);
  });
  state_of(stream).launched("quantize_kernel");
}

}  // namespace

void quantize(Stream& stream, const QuantizeArgs& args) {
  if (args.q.dtype == DType::fp8)
    round_rows_to_fp8</*kExact=*/true>(stream, args.q, args.weight);
  else
    quantize_groups(stream, args);
  stream.wait();  // products read weights before the kernels ahead of them are done
}

}  // namespace saker::cuda
