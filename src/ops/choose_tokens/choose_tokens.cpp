#include "ops/choose_tokens/choose_tokens.h"

#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

void choose_tokens(Stream& stream, std::span<int32_t> ids, ConstTensorView logits,
                   std::span<const TokenChoice> choices) {
  const OpCheck check("choose_tokens", stream.backend());
  const auto l = static_cast<int64_t>(ids.size());
  const int64_t v = logits.columns();
  check.that(v >= 1, "rows of at least one element", v);
  check.shape("logits", logits, {l, v});
  check.same_type("logits", logits, DType::f32);
  check.that(choices.size() == ids.size(), "one choice for each row", choices.size());
  for (const TokenChoice& choice : choices) {
    check.that(choice.drawn >= 0.0 && choice.drawn < 1.0, "a draw in [0, 1)", choice.drawn);
    check.that(choice.temperature >= 0.0, "a temperature >= 0", choice.temperature);
    check.that(choice.top_p > 0.0 && choice.top_p <= 1.0, "top_p in (0, 1]", choice.top_p);
    check.that(choice.min_p >= 0.0 && choice.min_p <= 1.0, "min_p in [0, 1]", choice.min_p);
    check.that(choice.top_k >= 0, "top_k >= 0", choice.top_k);
  }
  if (l == 0) return;
  stream.ops().choose_tokens(stream, {ids, logits, choices});
  for (const int32_t id : ids)
    SAKER_CHECK(id >= 0, ErrorCode::corrupt_data,
                "[sampling] expected finite logits, found {}; the weights may be damaged, or every token is forbidden",
                id == static_cast<int32_t>(NoToken::nan)        ? "NaN"
                : id == static_cast<int32_t>(NoToken::infinity) ? "infinity"
                                                                : "-infinity for every token");
}

}  // namespace saker
