#include "eval/perplexity.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "device/on_host.h"
#include "ops/log_sum_exp/log_sum_exp.h"
#include "ops/pick_columns/pick_columns.h"

namespace saker {

namespace {

// Rows of logits at a time: enough for an efficient product, few enough for a vocabulary of 65,024 (32 MB).
constexpr int64_t kLogitRows = 128;

}  // namespace

DocumentScorer::DocumentScorer(const FalconMamba& model, Workspace& workspace, int32_t end_of_text)
    : model_(model),
      workspace_(workspace),
      end_of_text_(end_of_text),
      states_(model.new_states(2)),
      logits_(DType::f32, {std::min(kLogitRows, workspace.max_rows()), model.config().vocab_size},
              model.backend().place()),
      normalisers_(DType::f32, {logits_.view().shape[0], 1}, model.backend().place()),
      picked_(DType::f32, {logits_.view().shape[0], 1}, model.backend().place()) {
  SAKER_CHECK(end_of_text >= 0 && end_of_text < model.config().vocab_size, ErrorCode::invalid_argument,
              "[perplexity] expected the id of the end-of-text token, found {}; the vocabulary is 0 to {}", end_of_text,
              model.config().vocab_size - 1);
}

void DocumentScorer::add(std::span<const int32_t> ids) {
  const int64_t v = model_.config().vocab_size;
  for (const int32_t id : ids)
    SAKER_CHECK(id >= 0 && id < v, ErrorCode::invalid_argument,
                "[perplexity] token id {}; the model's vocabulary is 0 to {}: is this its tokenizer?", id, v - 1);
  const size_t document = nats_.size();
  nats_.push_back(0.0);
  if (ids.empty()) return;
  const auto full = [&] { return static_cast<int64_t>(inputs_.size()) == workspace_.max_rows(); };
  if (full()) run(/*goes_on=*/false);
  segments_.push_back({static_cast<int64_t>(inputs_.size()), 0, kNoSlot});
  int32_t input = end_of_text_;
  for (const int32_t id : ids) {
    if (full()) {
      run(/*goes_on=*/true);
      segments_.push_back({0, 0, carried_});
    }
    inputs_.push_back(input);
    targets_.push_back(id);
    document_of_row_.push_back(document);
    ++segments_.back().length;
    input = id;  // the last is predicted and never read
  }
}

// One forward pass over what is queued. If the last document goes on in the next pass, `carried_` is its slot then; the
// first may be one that came from the pass before, so it takes the other.
void DocumentScorer::run(bool goes_on) {
  if (goes_on && segments_.back().slot == kNoSlot) {
    carried_ = 1 - carried_;
    states_.reset(carried_);
    segments_.back().slot = carried_;
  }
  const ConstTensorView hidden = model_.forward(workspace_, inputs_, segments_, states_.view());
  const auto rows = static_cast<int64_t>(inputs_.size());
  for (int64_t begin = 0; begin < rows; begin += logits_.view().shape[0]) {
    const int64_t count = std::min(logits_.view().shape[0], rows - begin);
    const TensorView logits = logits_.view().slice_rows(0, count),
                     normaliser = normalisers_.view().slice_rows(0, count);
    model_.head(workspace_, logits, hidden.slice_rows(begin, count));
    log_sum_exp(workspace_.stream(), normaliser, logits);
    const TensorView picked = picked_.view().slice_rows(0, count);
    pick_columns(workspace_.stream(), picked, logits,
                 std::span(targets_).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)));
    const OnHost normaliser_on_host(normaliser, workspace_.stream()), picked_on_host(picked, workspace_.stream());
    for (int64_t row = 0; row < count; ++row)
      nats_[document_of_row_[static_cast<size_t>(begin + row)]] +=
          static_cast<double>(normaliser_on_host.view().as<float>()[row]) -
          static_cast<double>(picked_on_host.view().as<float>()[row]);
  }
  inputs_.clear();
  targets_.clear();
  document_of_row_.clear();
  segments_.clear();
}

std::vector<double> DocumentScorer::finish() {
  if (!inputs_.empty()) run(/*goes_on=*/false);
  return std::exchange(nats_, {});
}

}  // namespace saker
