#include "ops/op_case.h"

#include <fmt/format.h>

#include "device/cpu/parallel.h"
#include "device/gpu.h"
#include "ops/op_table.h"

namespace saker {

namespace {
constexpr size_t kGuard = 256;
constexpr std::byte kPattern{0xA5};
constexpr int64_t kGrain = int64_t{1} << 16;  // elements worth a thread
}  // namespace

CaseTensor::CaseTensor(DType dtype, const Shape& shape, uint64_t seed, double mean, double deviation,
                       int64_t row_stride) {
  const int64_t columns = shape[-1], stride = row_stride ? row_stride : columns;
  const int64_t rows = columns ? shape.elements() / columns : 0;
  bytes_.assign(2 * kGuard + static_cast<size_t>(rows * stride) * size_of(dtype), kPattern);
  view_ = TensorView(bytes_.data() + kGuard, dtype, shape, stride);
  const Rng rng(seed);
  const int64_t count = rows * columns;
  const int threads = count > kGrain ? open_backend(BackendKind::reference, 0).threads : 1;
  parallel_for(threads, count, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      store_element(view_.data, dtype, view_.offset(i / columns, i % columns),
                    mean + deviation * rng.normal(static_cast<uint64_t>(i)));
  });
}

TensorView CaseTensor::on(Stream& stream) {
  if (!stream.on_gpu()) return view();
  const Place place = stream.backend().place();
  if (!copy_holds_) {
    if (copy_.bytes() == 0 || copy_.place() != place) copy_ = Buffer(bytes_.size(), place);
    copy_bytes(copy_.data(), place, bytes_.data(), kHost, bytes_.size());
    copy_holds_ = true;
  }
  TensorView there = view_;
  there.data = copy_.data() + kGuard;
  return there;
}

void CaseTensor::fetch_copy() const {
  if (copy_holds_) copy_bytes(bytes_.data(), kHost, copy_.data(), copy_.place(), bytes_.size());
  copy_holds_ = false;
}

bool CaseTensor::belongs(size_t byte) const noexcept {
  if (byte < kGuard || byte >= bytes_.size() - kGuard) return false;
  const auto element = static_cast<int64_t>((byte - kGuard) / size_of(view_.dtype));
  return element % view_.row_stride < view_.columns();
}

bool CaseTensor::guards_intact() const {
  fetch_copy();
  for (size_t i = 0; i < bytes_.size(); ++i)
    if (bytes_[i] != kPattern && !belongs(i)) return false;
  return true;
}

int64_t rows_of(Segments segments) noexcept {
  return segments.empty() ? 0 : segments.back().begin + segments.back().length;
}

std::string text_of(Segments segments) {
  std::string text;
  for (const Segment& s : segments) text += fmt::format("{}{}@{}", text.empty() ? "" : ",", s.length, s.slot);
  return text;
}

}  // namespace saker
