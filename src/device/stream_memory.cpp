#include "device/stream_memory.h"

#include <cstring>

#include "core/error.h"
#include "device/cpu/parallel.h"
#include "device/host_rows.h"

namespace saker {

namespace {

constexpr int64_t kGrain = 1 << 18;  // bytes

int64_t bytes_of(const ConstTensorView& view) {
  return view.shape.elements() * static_cast<int64_t>(size_of(view.dtype));
}

}  // namespace

void copy(Stream& stream, TensorView to, ConstTensorView from) {
  const int64_t bytes = bytes_of(from);
  SAKER_ASSERT(to.contiguous() && from.contiguous() && bytes == bytes_of(to));
  if (stream.on_gpu()) return stream.gpu().copy(to.data, from.data, static_cast<size_t>(bytes));
  parallel_for(stream.threads(), bytes, kGrain, [&](int64_t begin, int64_t end) {
    std::memcpy(to.as<std::byte>() + begin, from.as<std::byte>() + begin, static_cast<size_t>(end - begin));
  });
}

void zero(Stream& stream, TensorView view) {
  const int64_t bytes = bytes_of(view);
  SAKER_ASSERT(view.contiguous());
  if (stream.on_gpu())
    return stream.gpu().zero_rows(view.data, static_cast<size_t>(bytes), static_cast<size_t>(bytes), 1);
  parallel_for(stream.threads(), bytes, kGrain, [&](int64_t begin, int64_t end) {
    std::memset(view.as<std::byte>() + begin, 0, static_cast<size_t>(end - begin));
  });
}

void copy_rows(Stream& stream, const Rows& to, const ConstRows& from, size_t width, size_t rows) {
  if (stream.on_gpu()) return stream.gpu().copy_rows(to.data, to.pitch, from.data, from.pitch, width, rows);
  copy_host_rows(to, from, width, rows);
}

void zero_rows(Stream& stream, const Rows& to, size_t width, size_t rows) {
  if (stream.on_gpu()) return stream.gpu().zero_rows(to.data, to.pitch, width, rows);
  zero_host_rows(to, width, rows);
}

}  // namespace saker
