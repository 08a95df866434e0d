// Several continuations of one text, decoded together: the prompt is read once and each step reads the weights once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "infer/session.h"

namespace saker {

// Member i draws as a session alone with sequence number i would (bit for bit up to kLinearRowsBitwise members,
// ops/linear/linear.h).
class SampleGroup {
 public:
  // `prompt` has at least one token, and its workspace at least n rows. Throws invalid_argument otherwise.
  SampleGroup(Session& prompt, int64_t n, const SamplingParams& params);

  int64_t size() const noexcept { return static_cast<int64_t>(members_.size()); }

  // One more token for every member that is still going, in order of members.
  struct Draw {
    int64_t member;
    int32_t id;
  };
  std::span<const Draw> step();
  // The logits [v] that the member's last token was drawn from, valid until the next step.
  std::span<const float> logits(int64_t member);

  // The member takes no further part.
  void finish(int64_t member) { going_[static_cast<size_t>(member)] = false; }
  bool done() const noexcept;

  // A session that goes on where the member stands.
  Session session(int64_t member) const;

 private:
  TensorView row_of(int64_t member) { return logits_.view().slice_rows(row_[static_cast<size_t>(member)], 1); }
  void feed();
  void choose_on_gpu();

  const FalconMamba* model_;
  Workspace* workspace_;
  Sampler sampler_;
  StatePool pool_;
  std::vector<SequenceState> members_;
  std::vector<bool> going_;
  Tensor logits_;                     // [n, v]: rows of the members fed last, where the model computes
  std::vector<float> fetched_;        // [n, v]: the same on the host; empty: not fetched, or they are there anyway
  std::vector<int64_t> row_;          // [n]: a member's row in logits_
  std::vector<int32_t> ids_;          // [<= n] of one step
  std::vector<int64_t> slots_;        // [<= n] of one step
  std::vector<TokenChoice> choices_;  // [<= n] of one step
  std::vector<Draw> draws_;
};

}  // namespace saker
