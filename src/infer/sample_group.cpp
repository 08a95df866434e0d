#include "infer/sample_group.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace saker {

namespace {

int64_t checked_size(int64_t n, const Workspace& workspace) {
  SAKER_CHECK(n >= 1 && n <= workspace.max_rows(), ErrorCode::invalid_argument,
              "[session] expected 1 to {} samples at once, found {}", workspace.max_rows(), n);
  return n;
}

}  // namespace

SampleGroup::SampleGroup(Session& prompt, int64_t n, const SamplingParams& params)
    : model_(&prompt.model()),
      workspace_(&prompt.workspace()),
      sampler_(params, model_->config().vocab_size),
      pool_(model_->config(), checked_size(n, *workspace_), std::as_const(prompt).state().view().ssm.dtype),
      going_(static_cast<size_t>(n), true),
      logits_(DType::f32, {n, model_->config().vocab_size}),
      row_(static_cast<size_t>(n)) {
  const std::span<const float> logits = prompt.logits();
  for (int64_t i = 0; i < n; ++i) {
    members_.push_back(prompt.sequence());
    members_.back().number = static_cast<uint64_t>(i);
    prompt.state().put(pool_, i);
    row_[static_cast<size_t>(i)] = i;
    std::copy(logits.begin(), logits.end(), logits_of(i).begin());
  }
  ids_.reserve(members_.size());
  slots_.reserve(members_.size());
  draws_.reserve(members_.size());
}

std::span<float> SampleGroup::logits_of(int64_t member) {
  const int64_t v = model_->config().vocab_size;
  return {logits_.view().as<float>() + row_[static_cast<size_t>(member)] * v, static_cast<size_t>(v)};
}

// Shows the model the tokens that wait.
void SampleGroup::feed() {
  ids_.clear();
  slots_.clear();
  for (size_t i = 0; i < members_.size(); ++i) {
    if (!going_[i] || !members_[i].waiting) continue;
    row_[i] = static_cast<int64_t>(ids_.size());
    ids_.push_back(*members_[i].waiting);
    slots_.push_back(static_cast<int64_t>(i));
    members_[i].waiting.reset();
  }
  if (ids_.empty()) return;
  const auto rows = static_cast<int64_t>(ids_.size());
  model_->step(*workspace_, ids_, slots_, pool_.view(), logits_.view().slice_rows(0, rows));
}

std::span<const SampleGroup::Draw> SampleGroup::step() {
  feed();
  draws_.clear();
  for (int64_t i = 0; i < size(); ++i) {
    if (!going_[static_cast<size_t>(i)]) continue;
    const std::span<const float> logits = logits_of(i);
    draws_.push_back({i, members_[static_cast<size_t>(i)].choose(sampler_, logits), logits});
  }
  return draws_;
}

bool SampleGroup::done() const noexcept {
  return std::none_of(going_.begin(), going_.end(), [](bool going) { return going; });
}

Session SampleGroup::session(int64_t member) const {
  const SequenceState& sequence = members_[static_cast<size_t>(member)];
  RecurrentState state = model_->new_state();
  state.take(pool_, member);
  state.set_tokens(sequence.tokens - (sequence.waiting ? 1 : 0));
  // Before the first step nothing waits, and every row still holds the prompt's logits.
  std::vector<float> logits;
  if (!sequence.waiting) {
    const int64_t v = model_->config().vocab_size;
    const float* row = logits_.view().as<float>() + row_[static_cast<size_t>(member)] * v;
    logits.assign(row, row + v);
  }
  return {*model_, *workspace_, std::move(state), sequence, std::move(logits)};
}

}  // namespace saker
