#include <algorithm>
#include <cmath>
#include <cstring>

#include "ops/elements.h"
#include "ops/quantize/quantize.h"

namespace saker::reference {

namespace {

void quantize_rows(const QuantizeArgs& args) noexcept {
  const auto& [q, weight] = args;
  const int64_t rows = weight.rows(), columns = weight.columns();
  auto* codes = static_cast<Float8*>(q.data);
  auto* scales = reinterpret_cast<float*>(static_cast<std::byte*>(q.data) + code_bytes(q.dtype, rows, columns));
  for (int64_t o = 0; o < rows; ++o) {
    float largest = 0.0f;
    for (int64_t i = 0; i < columns; ++i)
      largest = std::max(largest, std::abs(static_cast<float>(element(weight, o, i))));
    const float scale = scales[o] = largest / Float8::kLargest;
    for (int64_t i = 0; i < columns; ++i)
      codes[o * columns + i] = scale == 0.0f ? Float8(0.0f) : Float8(static_cast<float>(element(weight, o, i)) / scale);
  }
}

}  // namespace

void quantize(Stream&, const QuantizeArgs& args) noexcept {
  const auto& [q, weight] = args;
  if (q.dtype == DType::fp8) return quantize_rows(args);
  const int64_t rows = weight.rows(), columns = weight.columns();
  auto* bytes = static_cast<std::byte*>(q.data);
  auto* scales = reinterpret_cast<BFloat16*>(bytes + code_bytes(q.dtype, rows, columns));
  const auto limit = static_cast<float>(largest_code(q.dtype));
  std::memset(bytes, 0, code_bytes(q.dtype, rows, columns));
  for (int64_t o = 0; o < rows; ++o)
    for (int64_t begin = 0; begin < columns; begin += kQuantizedGroup) {
      float largest = 0.0f;
      for (int64_t i = begin; i < begin + kQuantizedGroup; ++i)
        largest = std::max(largest, std::abs(static_cast<float>(element(weight, o, i))));
      BFloat16& stored = scales[begin / kQuantizedGroup * rows + o];
      stored = BFloat16(largest / limit);
      const auto scale = static_cast<float>(stored);
      for (int64_t i = begin; i < begin + kQuantizedGroup; ++i) {
        const float exact = scale == 0.0f ? 0.0f : static_cast<float>(element(weight, o, i)) / scale;
        const auto code = static_cast<int32_t>(std::clamp(std::nearbyint(exact), -limit, limit));
        const int64_t index = o * columns + i;
        if (q.dtype == DType::q8) {
          reinterpret_cast<int8_t*>(bytes)[index] = static_cast<int8_t>(code);
        } else {
          const auto [word, shift] = nibble_place(index);
          reinterpret_cast<uint32_t*>(bytes)[word] |= static_cast<uint32_t>(code + 8) << shift;
        }
      }
    }
}

}  // namespace saker::reference
