// One conversation with a model: feed it tokens, draw tokens from it, keep it, copy it.
//
//   Session session(model, workspace);
//   session.append(prompt);
//   Sampler sampler(params, model.config().vocab_size);
//   for (int i = 0; i < 100; ++i) use(session.next(sampler));
//
// It takes the same memory after a million tokens as after one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "infer/next_logits.h"
#include "infer/sampler.h"
#include "infer/token_history.h"
#include "model/falcon_mamba.h"
#include "model/state.h"

namespace saker {

// What a sequence is beside its recurrent state. The token chosen last waits: the model sees it when the next logits
// are needed, so that the end of an answer costs no step.
struct SequenceState {
  explicit SequenceState(int64_t vocab_size) : history(vocab_size) {}

  // Chooses the token at the position that `logits` are for; it waits from then on.
  int32_t choose(Sampler& sampler, std::span<const float> logits);
  // The same for a token that was chosen where the logits lie.
  void chosen(int32_t id);

  TokenHistory history;
  int64_t tokens = 0;              // in all: given, chosen, and waiting
  uint64_t number = 0;             // which of several sequences of one seed
  std::optional<int32_t> waiting;  // chosen, not yet seen by the model
};

class Session {
 public:
  // Both must outlive the session. Sessions that take turns may share a workspace.
  Session(const FalconMamba& model, Workspace& workspace);

  // Feeds `ids` (none: nothing happens). `progress(tokens done)` after each chunk; returning false stops there with the
  // result false: the session has then seen that many. Throws invalid_argument for ids outside the vocabulary.
  bool append(std::span<const int32_t> ids, const std::function<bool(int64_t)>& progress = {});

  // The logits [v] of the next token, valid until the session is next changed. Throws invalid_argument before the first
  // token.
  std::span<const float> logits();

  // Draws the next token and makes it part of the session.
  int32_t next(Sampler& sampler);
  // Takes the token that next() drew last out again, before anything else is done: the model has not seen it.
  void take_back();

  const FalconMamba& model() const noexcept { return *model_; }
  Workspace& workspace() const noexcept { return *workspace_; }
  const SequenceState& sequence() const noexcept { return sequence_; }
  const RecurrentState& state() const noexcept { return state_; }
  int64_t tokens() const noexcept { return sequence_.tokens; }

  // An equal session that goes its own way.
  Session fork() const { return fork(*workspace_); }
  // The same, computing in another workspace of the model.
  Session fork(Workspace& workspace) const;

  // A file from which load() continues bit for bit. `note` is the caller's. Throws io.
  void save(const std::filesystem::path& path, std::string_view note = {}) const;
  struct Loaded;
  // Throws as load_state (model/state_file.h) does, and corrupt_data if a session did not write the file.
  static Loaded load(const std::filesystem::path& path, const FalconMamba& model, Workspace& workspace);

 private:
  friend class SampleGroup;
  Session(const FalconMamba& model, Workspace& workspace, RecurrentState state, SequenceState sequence,
          NextLogits logits);

  void feed_waiting();
  void check_begun() const;

  const FalconMamba* model_;
  Workspace* workspace_;
  RecurrentState state_;
  SequenceState sequence_;
  NextLogits logits_;  // of the state; empty if nothing was fed
};

struct Session::Loaded {
  Session session;
  std::string note;
};

}  // namespace saker
