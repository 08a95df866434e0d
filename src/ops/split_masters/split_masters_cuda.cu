#include "device/cuda/launch.cuh"
#include "device/cuda/vectors.cuh"
#include "ops/split_masters/split_masters.h"

namespace saker::cuda {

namespace {

constexpr int kThreads = 256;

// A thread for kWidth elements. Bytes: 8 an element.
template <int kWidth>
__global__ void __launch_bounds__(kThreads)
    split_masters_kernel(uint16_t* high, uint16_t* low, const uint32_t* master, int64_t count) {
  const int64_t i = (blockIdx.x * int64_t{kThreads} + threadIdx.x) * kWidth;
  if (i >= count) return;
  const auto bits = load_vector<kWidth>(master + i);
  Vector<uint16_t, kWidth> to_high, to_low;
#pragma unroll
  for (int k = 0; k < kWidth; ++k) {
    to_high.at[k] = static_cast<uint16_t>((bits.at[k] + 0x8000u) >> 16);
    to_low.at[k] = static_cast<uint16_t>(bits.at[k]);
  }
  store_vector(high + i, to_high);
  store_vector(low + i, to_low);
}

template <int kWidth>
__global__ void __launch_bounds__(kThreads)
    join_masters_kernel(uint32_t* master, const uint16_t* high, const uint16_t* low, int64_t count) {
  const int64_t i = (blockIdx.x * int64_t{kThreads} + threadIdx.x) * kWidth;
  if (i >= count) return;
  const auto of_high = load_vector<kWidth>(high + i), of_low = load_vector<kWidth>(low + i);
  Vector<uint32_t, kWidth> bits;
#pragma unroll
  for (int k = 0; k < kWidth; ++k)
    bits.at[k] = (uint32_t{of_high.at[k]} << 16) + of_low.at[k] - (of_low.at[k] >= 0x8000u ? 0x10000u : 0u);
  store_vector(master + i, bits);
}

// Calls launch(width, blocks) for vectors that all of these lie in.
template <class Launch>
void in_width(int64_t count, const ConstTensorView& master, const ConstTensorView& high, const ConstTensorView& low,
              const Launch& launch) {
  const Shape flat{count};
  const bool fours =
      are_fours(count, {ConstTensorView(master.data, DType::f32, flat), ConstTensorView(high.data, DType::bf16, flat),
                        ConstTensorView(low.data, DType::bf16, flat)});
  with_width(fours,
             [&](auto width) { launch(width, static_cast<unsigned>(ceil_div(count, int64_t{kThreads} * width()))); });
}

}  // namespace

void split_masters(Stream& stream, const SplitMastersArgs& args) {
  const int64_t count = args.master.shape.elements();
  in_width(count, args.master, args.high, args.low, [&](auto width, unsigned blocks) {
    split_masters_kernel<width()><<<blocks, kThreads, 0, handle(stream)>>>(
        static_cast<uint16_t*>(args.high.data), static_cast<uint16_t*>(args.low.data),
        static_cast<const uint32_t*>(args.master.data), count);
  });
  state_of(stream).launched("split_masters_kernel");
}

void join_masters(Stream& stream, const JoinMastersArgs& args) {
  const int64_t count = args.master.shape.elements();
  in_width(count, args.master, args.high, args.low, [&](auto width, unsigned blocks) {
    join_masters_kernel<width()><<<blocks, kThreads, 0, handle(stream)>>>(
        static_cast<uint32_t*>(args.master.data), static_cast<const uint16_t*>(args.high.data),
        static_cast<const uint16_t*>(args.low.data), count);
  });
  state_of(stream).launched("join_masters_kernel");
}

}  // namespace saker::cuda
