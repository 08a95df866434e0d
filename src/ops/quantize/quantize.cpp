#include "ops/quantize/quantize.h"

#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

void quantize(Stream& stream, TensorView q, ConstTensorView weight) {
  const OpCheck check("quantize", stream.backend());
  const int64_t o = weight.rows(), i = weight.columns();
  check.shape("weight", weight, {o, i});
  check.shape("q", q, {o, i});
  check.that(can_quantize(o, i), "rows a multiple of 8 and columns of 128", weight.shape.text());
  check.contiguous("weight", weight);
  check.rounded("weight", weight);
  SAKER_CHECK(is_quantized(q.dtype), ErrorCode::unsupported, "[quantize] q: expected q8, q4 or fp8, found {}",
              name(q.dtype));
  if (o > 0) stream.ops().quantize(stream, {q, weight});
}

double quantized_element(const ConstTensorView& q, int64_t o, int64_t i) noexcept {
  const int64_t rows = q.shape[0], columns = q.shape[1], index = o * columns + i;
  const auto* bytes = static_cast<const std::byte*>(q.data);
  const std::byte* after = bytes + code_bytes(q.dtype, rows, columns);
  if (q.dtype == DType::fp8)
    return static_cast<double>(static_cast<float>(reinterpret_cast<const Float8*>(bytes)[index])) *
           static_cast<double>(reinterpret_cast<const float*>(after)[o]);
  const auto* scales = reinterpret_cast<const BFloat16*>(after);
  const auto scale = static_cast<double>(static_cast<float>(scales[i / kQuantizedGroup * rows + o]));
  if (q.dtype == DType::q8) return scale * static_cast<double>(reinterpret_cast<const int8_t*>(bytes)[index]);
  const auto [word, shift] = nibble_place(index);
  const uint32_t code = reinterpret_cast<const uint32_t*>(bytes)[word] >> shift & 15u;
  return scale * (static_cast<double>(code) - 8.0);
}

}  // namespace saker
