#include "infer/sample_group.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "device/gpu.h"

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
      pool_(model_->new_states(checked_size(n, *workspace_))),
      going_(static_cast<size_t>(n), true),
      logits_(DType::f32, {n, model_->config().vocab_size}, model_->backend().place()),
      row_(static_cast<size_t>(n)) {
  const std::span<const float> logits = prompt.logits();
  for (int64_t i = 0; i < n; ++i) {
    members_.push_back(prompt.sequence());
    members_.back().number = static_cast<uint64_t>(i);
    prompt.state().put(pool_, i);
    row_[static_cast<size_t>(i)] = i;
    copy_bytes(row_of(i).data, logits_.place(), logits.data(), kHost, logits.size_bytes());
  }
  ids_.reserve(members_.size());
  slots_.reserve(members_.size());
  draws_.reserve(members_.size());
  choices_.reserve(members_.size());
}

std::span<const float> SampleGroup::logits(int64_t member) {
  const auto v = static_cast<size_t>(model_->config().vocab_size);
  if (logits_.place().on_host()) return {row_of(member).as<float>(), v};
  if (fetched_.empty()) {
    fetched_.resize(members_.size() * v);
    workspace_->stream().wait();
    copy_bytes(fetched_.data(), kHost, logits_.view().data, logits_.place(), logits_.bytes());
  }
  return std::span(fetched_).subspan(static_cast<size_t>(row_[static_cast<size_t>(member)]) * v, v);
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
  fetched_.clear();
  const auto rows = static_cast<int64_t>(ids_.size());
  model_->step(*workspace_, ids_, slots_, pool_.view(), logits_.view().slice_rows(0, rows));
}

// All rows at once, where the logits lie; those of members that take no further part are not asked for.
void SampleGroup::choose_on_gpu() {
  int64_t rows = 0;
  for (const Draw& draw : draws_) rows = std::max(rows, row_[static_cast<size_t>(draw.member)] + 1);
  choices_.assign(static_cast<size_t>(rows), {.temperature = 0.0});
  ids_.resize(static_cast<size_t>(rows));
  for (const Draw& draw : draws_) {
    const SequenceState& sequence = members_[static_cast<size_t>(draw.member)];
    choices_[static_cast<size_t>(row_[static_cast<size_t>(draw.member)])] =
        sampler_.choice(sequence.number, static_cast<uint64_t>(sequence.tokens));
  }
  choose_tokens(workspace_->stream(), ids_, logits_.view().slice_rows(0, rows), choices_);
  for (Draw& draw : draws_) {
    draw.id = ids_[static_cast<size_t>(row_[static_cast<size_t>(draw.member)])];
    members_[static_cast<size_t>(draw.member)].chosen(draw.id);
  }
}

std::span<const SampleGroup::Draw> SampleGroup::step() {
  feed();
  draws_.clear();
  for (int64_t i = 0; i < size(); ++i)
    if (going_[static_cast<size_t>(i)]) draws_.push_back({i, 0});
  if (workspace_->stream().on_gpu() && sampler_.needs_logits_alone()) {
    choose_on_gpu();
  } else {
    for (Draw& draw : draws_)
      draw.id = members_[static_cast<size_t>(draw.member)].choose(sampler_, logits(draw.member));
  }
  return draws_;
}

bool SampleGroup::done() const noexcept {
  return std::none_of(going_.begin(), going_.end(), [](bool going) { return going; });
}

Session SampleGroup::session(int64_t member) const {
  const SequenceState& sequence = members_[static_cast<size_t>(member)];
  workspace_->stream().wait();
  RecurrentState state = model_->new_state();
  state.take(pool_, member);
  state.set_tokens(sequence.tokens - (sequence.waiting ? 1 : 0));
  // Before the first step nothing waits, and every row still holds the prompt's logits.
  NextLogits logits(*model_);
  if (!sequence.waiting) {
    const Tensor row = fetch(logits_.view().slice_rows(row_[static_cast<size_t>(member)], 1), logits_.place());
    logits.set({row.view().as<float>(), static_cast<size_t>(model_->config().vocab_size)});
  }
  return {*model_, *workspace_, std::move(state), sequence, std::move(logits)};
}

}  // namespace saker
