#include "infer/session.h"

#include <utility>

#include "core/error.h"
#include "infer/session_note.h"
#include "model/state_file.h"

namespace saker {

int32_t SequenceState::choose(Sampler& sampler, std::span<const float> logits) {
  const int32_t id = sampler.sample(logits, history, number, static_cast<uint64_t>(tokens));
  chosen(id);
  return id;
}

void SequenceState::chosen(int32_t id) {
  history.add_generated(id);
  waiting = id;
  ++tokens;
}

Session::Session(const FalconMamba& model, Workspace& workspace)
    : Session(model, workspace, model.new_state(), SequenceState(model.config().vocab_size), NextLogits(model)) {}

Session::Session(const FalconMamba& model, Workspace& workspace, RecurrentState state, SequenceState sequence,
                 NextLogits logits)
    : model_(&model),
      workspace_(&workspace),
      state_(std::move(state)),
      sequence_(std::move(sequence)),
      logits_(std::move(logits)) {}

void Session::feed_waiting() {
  if (!sequence_.waiting) return;
  logits_.step(*workspace_, *sequence_.waiting, state_);
  sequence_.waiting.reset();
}

bool Session::append(std::span<const int32_t> ids, const std::function<bool(int64_t)>& progress) {
  if (ids.empty()) return true;
  feed_waiting();
  const int64_t seen = state_.tokens();
  const bool complete = logits_.prefill(*workspace_, ids, state_, progress);
  const auto fed = static_cast<size_t>(state_.tokens() - seen);
  for (const int32_t id : ids.first(fed)) sequence_.history.add_prompted(id);
  sequence_.tokens = state_.tokens();
  return complete;
}

void Session::check_begun() const {
  SAKER_CHECK(!logits_.empty(), ErrorCode::invalid_argument,
              "[session] a text goes on from at least one token; found none");
}

std::span<const float> Session::logits() {
  feed_waiting();
  check_begun();
  return logits_.on_host(*workspace_);
}

int32_t Session::next(Sampler& sampler) {
  Stream& stream = workspace_->stream();
  if (!stream.on_gpu() || !sampler.needs_logits_alone()) return sequence_.choose(sampler, logits());
  feed_waiting();
  check_begun();
  const TokenChoice choice = sampler.choice(sequence_.number, static_cast<uint64_t>(sequence_.tokens));
  int32_t id = 0;
  choose_tokens(stream, {&id, 1}, logits_.view(), {&choice, 1});
  sequence_.chosen(id);
  return id;
}

void Session::take_back() {
  SAKER_ASSERT(sequence_.waiting);
  sequence_.history.add_generated(*sequence_.waiting, -1);
  sequence_.waiting.reset();
  --sequence_.tokens;
}

Session Session::fork(Workspace& workspace) const {
  workspace_->stream().wait();
  NextLogits logits(*model_);
  logits.set(logits_);
  return {*model_, workspace, state_.clone(), sequence_, std::move(logits)};
}

void Session::save(const std::filesystem::path& path, std::string_view note) const {
  const std::span<const float> logits = logits_.on_host(*workspace_);
  save_state(path, *model_, state_, write_session_note({sequence_, {logits.begin(), logits.end()}, std::string(note)}));
}

Session::Loaded Session::load(const std::filesystem::path& path, const FalconMamba& model, Workspace& workspace) {
  SavedState saved = load_state(path, model);
  SessionNote note = read_session_note(saved.note, model.config().vocab_size, saved.state.tokens(), path.string());
  NextLogits logits(model);
  logits.set(note.logits);
  return {Session(model, workspace, std::move(saved.state), std::move(note.sequence), std::move(logits)),
          std::move(note.rest)};
}

}  // namespace saker
