#include "device/tensor.h"

#include <gtest/gtest.h>

#include <vector>

#include "device/arena.h"
#include "device/cpu/parallel.h"

namespace saker {
namespace {

TEST(TensorView, SlicesKeepTheRowStride) {
  std::vector<float> data(6 * 10);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(i);
  const TensorView xz(data.data(), DType::f32, Shape{6, 10});
  const ConstTensorView z = xz.slice_columns(5, 5).slice_rows(2, 3);
  EXPECT_EQ(z.shape, (Shape{3, 5}));
  EXPECT_EQ(z.as<float>()[z.offset(1, 2)], 37.0f);
  EXPECT_FALSE(z.contiguous());
  EXPECT_EQ(xz.index(4).as<float>()[0], 40.0f);
}

TEST(TensorView, IndexesOuterDimensions) {
  std::vector<double> data(2 * 3 * 4);
  const TensorView state(data.data(), DType::f64, Shape{2, 3, 4});
  EXPECT_EQ(state.index(1).shape, (Shape{3, 4}));
  EXPECT_EQ(state.index(1).as<double>(), data.data() + 12);
}

TEST(Buffer, IsZeroedAndAligned) {
  for (size_t bytes : {size_t{1}, size_t{100}, size_t{5} << 20}) {
    Buffer buffer(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0u);
    EXPECT_EQ(buffer.data()[0], std::byte{0});
    EXPECT_EQ(buffer.data()[bytes - 1], std::byte{0});
  }
  EXPECT_THROW(Buffer(size_t{1} << 62), Error);
}

TEST(Arena, CarvesAlignedTensors) {
  Arena arena(2 * Arena::bytes_for(DType::f32, Shape{3, 5}));
  const TensorView a = arena.take(DType::f32, Shape{3, 5}), b = arena.take(DType::f32, Shape{3, 5});
  EXPECT_EQ(b.as<std::byte>() - a.as<std::byte>(), ptrdiff_t{Arena::kAlignment});
  arena.reset();
  EXPECT_EQ(arena.take(DType::f32, Shape{1, 1}).data, a.data);
}

TEST(ParallelFor, CoversTheRangeOnce) {
  for (int threads : {1, 2, 3, 7})
    for (int64_t count : {0, 1, 5, 16, 100})
      for (int64_t grain : {1, 4, 64}) {
        std::vector<int> seen(static_cast<size_t>(count));
        parallel_for(threads, count, grain, [&](int64_t begin, int64_t end) {
          EXPECT_EQ(begin % grain, 0);
          for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
        });
        for (int times : seen) EXPECT_EQ(times, 1);
      }
}

}  // namespace
}  // namespace saker
