#include "train/trainer.h"

#include <chrono>
#include <cmath>

#include "core/error.h"
#include "io/atomic_file.h"
#include "io/checksum.h"
#include "model/flops.h"
#include "train/checkpoint_folder.h"
#include "train/estimate.h"
#include "train/run_start.h"

namespace saker {

namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// The most that a step has of something.
template <class Count>
int64_t most(const StepPlan& plan, const Count& count) {
  int64_t largest = 0;
  for (auto step = plan.at(0); step; step = plan.at(step->tokens_after)) largest = std::max(largest, count(*step));
  return largest;
}

StateAtBorders borders_of(const DataRecipe& data) {
  if (data.packing == Packing::carried) return StateAtBorders::carried;
  return data.reset ? StateAtBorders::reset : StateAtBorders::kept;
}

int64_t lanes_of(const Recipe& recipe, const StepPlan& plan) {
  if (recipe.data.packing != Packing::carried) return 0;
  return most(plan, [](const PlannedStep& step) { return step.rows; });
}

int64_t targets_of(const Batch& batch) {
  return std::count_if(batch.labels.begin(), batch.labels.end(), [](int32_t label) { return label != kIgnoredLabel; });
}

// The sums of a step, in the order of its tokens.
void add_losses(const Batch& batch, const StepNats& nats, StepResult& result) {
  for (const Piece& piece : batch.pieces) {
    SourceLoss& source = result.sources[static_cast<size_t>(piece.source)];
    for (int64_t t = piece.begin; t < piece.begin + piece.length; ++t) {
      if (batch.labels[static_cast<size_t>(t)] == kIgnoredLabel) continue;
      source.nats += nats.at(t);
      ++source.targets;
    }
  }
  for (const SourceLoss& source : result.sources) {
    result.all.nats += source.nats;
    result.all.targets += source.targets;
  }
}

std::string_view kind_of(const Verdict& verdict) {
  return verdict.kind == Verdict::Kind::spike ? "spike" : "not_finite";
}

}  // namespace

Trainer::Trainer(Recipe recipe, std::unique_ptr<DataFeed> data, TrainerSettings settings)
    : recipe_(std::move(recipe)),
      settings_(std::move(settings)),
      plan_(recipe_.plan()),
      folder_(settings_.out),
      data_(std::move(data)),
      checkpoint_(starting_checkpoint(folder_, settings_.start)),
      model_(starting_weights(recipe_, checkpoint_, settings_.backend.threads), settings_.backend,
             training_options(recipe_, settings_.backend.kind)),
      optimizer_(model_.parameters(), recipe_.optimizer),
      guard_(recipe_.spikes),
      validation_(model_, settings_.validation.empty() ? 0 : end_of_text(recipe_.model.config)),
      tokenizer_(data_.tokenizer_json()),
      nats_(settings_.backend, model_.accumulation_dtype(),
            most(plan_, [](const PlannedStep& step) { return step.tokens(); }), model_.options().max_rows),
      writer_([this](const fs::path& to, const TrainingState& from) { write(to, from); },
              [this](const fs::path& to, const TrainingState& from) {
                settings_.on_saved(fmt::format("step {}: saved {}", from.progress.step, to.string()));
              }) {
  if (const int64_t lanes = lanes_of(recipe_, plan_))
    lanes_.emplace(recipe_.model.config, lanes, model_.accumulation_dtype(), settings_.backend.place());
  if (!checkpoint_.empty()) load_run(checkpoint_);
  log_.emplace(folder_.metrics(), progress_.step);
  if (writes_beside_training(recipe_)) writer_.reserve(state(), model_.stream());
}

void Trainer::load_run(const fs::path& checkpoint) {
  SavedRun saved = read_saved_state(checkpoint);
  load_optimizer(checkpoint, model_.parameters(), optimizer_);
  optimizer_.set_steps(saved.progress.updates);
  if (settings_.start.kind == RunStart::Kind::fork) {
    progress_.updates = saved.progress.updates;
    progress_.forked_at_tokens = saved.progress.forked_at_tokens + saved.progress.tokens;
    if (!lanes_) continue_data(saved.progress.data);
    return;
  }
  expect_same_recipe(saved.recipe, recipe_.tree.root);
  progress_ = std::move(saved.progress);
  guard_.restore(progress_.spikes);
  data_.restore(progress_.data);
  if (lanes_) load_lanes(checkpoint, lanes_->pool());
}

// A fork reads on where its origin stopped, so that no document is seen twice, unless it reads other data.
void Trainer::continue_data(const nlohmann::json& position) {
  try {
    data_.restore(position);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::invalid_argument) throw;
    settings_.on_news(fmt::format("the data begins anew: {}", error.what()));
  }
}

bool Trainer::run() {
  while (const std::optional<PlannedStep> planned = plan_.at(progress_.tokens)) {
    if (settings_.stop()) {
      save(folder_.checkpoint(progress_.step), Saving::now);
      return false;
    }
    if (progress_.tokens == plan_.stage_begin(planned->stage)) guard_.forget();
    const auto begin = std::chrono::steady_clock::now();
    StepResult result = make_step(*planned);
    result.seconds = seconds_since(begin);
    log_step(result);
    settings_.on_step(result);
    after_step(result);
    writer_.poll();
  }
  export_model(state());
  return true;
}

// The one wait for a GPU in a step is that of gradient_norm, for 8 bytes behind the backward pass: losses are there,
// too, and the verdict on the step is the same function of the same numbers on every device. Until then the host has
// drawn the next batch; afterwards the GPU is idle for as long as it takes to add up the losses, a nanosecond or two
// for a token, to judge, and to launch the first kernel of the update. Clipping does not wait: the update reads the
// norm where it was computed.
StepResult Trainer::make_step(const PlannedStep& planned) {
  StepResult result;
  result.step = progress_.step + 1;
  result.planned = planned;
  result.sources.resize(data_.sources().size());
  const Batch batch = data_.take(planned);
  draw_next(planned);
  model_.zero_gradients();
  accumulate(batch);
  result.gradient_norm = optimizer_.gradient_norm(model_.stream());
  add_losses(batch, nats_, result);
  result.verdict = guard_.judge(result.loss(), result.gradient_norm);
  apply(batch, result);
  progress_.step = result.step;
  progress_.tokens = planned.tokens_after;
  return result;
}

void Trainer::draw_next(const PlannedStep& planned) {
  if (const auto next = plan_.at(planned.tokens_after)) data_.draw(*next);
}

void Trainer::accumulate(const Batch& batch) {
  const LossOptions loss{1.0 / static_cast<double>(std::max<int64_t>(1, targets_of(batch))), recipe_.optimizer.z_loss};
  Stream& stream = model_.stream();
  if (lanes_) lanes_->begin(stream);
  const int64_t lanes = lanes_ ? lanes_->pool().slots() / 2 : 0;
  const StateView state = lanes_ ? lanes_->pool().view() : StateView{};
  for (const MicroBatch& micro : micro_batches(batch, model_.options().max_rows, borders_of(recipe_.data), lanes)) {
    const auto begin = static_cast<size_t>(micro.begin), length = static_cast<size_t>(micro.length);
    model_.forward_backward(std::span(batch.ids).subspan(begin, length), std::span(batch.labels).subspan(begin, length),
                            micro.segments, state, loss, nats_.of(micro));
    nats_.gather(stream, micro);
  }
  if (lanes_) lanes_->settle(stream, batch);
}

// The parameters change unless the step would do harm.
void Trainer::apply(const Batch& batch, StepResult& result) {
  const Verdict::Kind kind = result.verdict.kind;
  result.skipped = kind == Verdict::Kind::not_finite || (kind == Verdict::Kind::spike && recipe_.spikes.skip);
  if (kind != Verdict::Kind::normal) log_bad_step(batch, result);
  if (result.skipped) {
    ++progress_.skipped;
    SAKER_CHECK(
        kind != Verdict::Kind::not_finite || guard_.state().bad_in_a_row <= recipe_.spikes.max_in_a_row,
        ErrorCode::invalid_argument,
        "[train] step {}: {} steps in a row had a loss or gradient that is not a number; checkpoints are as they "
        "were, a lower schedule.learning_rate may help",
        result.step, guard_.state().bad_in_a_row);
    return;
  }
  optimizer_.step(model_.stream(), result.planned.learning_rate);
  model_.refresh(/*round=*/false);
  progress_.updates = optimizer_.steps();
}

// What is due, in an order that a resume repeats: whatever a checkpoint's log has is before it.
void Trainer::after_step(const StepResult& result) {
  const bool last = !plan_.at(progress_.tokens);
  if (is_due(recipe_.evaluation.every_tokens, result.planned) || last) evaluate(result);
  if (progress_.tokens == plan_.decay_begin())
    save(folder_.pre_decay(), Saving::now);
  else if (last)
    save(folder_.checkpoint(progress_.step), Saving::now);
  else if (is_due(recipe_.checkpoints.every_tokens, result.planned))
    save(folder_.checkpoint(progress_.step), Saving::beside_training);
}

TrainingState Trainer::state() {
  return state_of(model_.parameters(), optimizer_, lanes_ ? &lanes_->pool() : nullptr, progress_);
}

void Trainer::save(const fs::path& folder, Saving saving) {
  progress_.spikes = guard_.state();
  progress_.data = data_.position();
  if (saving == Saving::beside_training && writes_beside_training(recipe_))
    writer_.start(folder, state());
  else
    writer_.write(folder, state());
}

// Reads nothing that training changes: the log's lines up to the state are in its file.
void Trainer::write(const fs::path& folder, const TrainingState& state) const {
  settings_.on_writing(folder);
  log_->sync();
  save_training_checkpoint(folder, state,
                           {.recipe = recipe_.tree.root, .tokenizer = tokenizer_, .version = settings_.version});
  rotate_checkpoints(folder_.checkpoints(), recipe_.checkpoints.keep);
  if (recipe_.checkpoints.export_model) export_model(state);
}

void Trainer::evaluate(const StepResult& result) {
  if (settings_.validation.empty()) return;
  scores_.clear();
  ordered_json sources;
  std::string news = fmt::format("step {}: loss {:.4f}", result.step, result.loss());
  for (const ValidationSet& set : settings_.validation) {
    scores_.push_back(validation_.score(set));
    const ValidationScore& score = scores_.back();
    sources[score.name] = {{"tokens", score.tokens}, {"nats_per_token", score.nats_per_token()}};
    news += fmt::format(", {} {:.4f}", score.name, score.nats_per_token());
  }
  log_->write({{"step", progress_.step}, {"tokens", progress_.tokens}, {"validation", sources}});
  settings_.on_news(news);
}

void Trainer::export_model(const TrainingState& state) const {
  save_checkpoint(state.parameters->to_weights(state.masters, state.place), folder_.model(),
                  {.dtype = recipe_.checkpoints.export_dtype, .progress = {}});
  if (!tokenizer_.empty()) replace_file(folder_.model() / "tokenizer.json", tokenizer_);
}

void Trainer::log_step(const StepResult& result) {
  const PlannedStep& planned = result.planned;
  ordered_json line{{"step", result.step},
                    {"tokens", planned.tokens_after},
                    {"stage", recipe_.stages[planned.stage].name},
                    {"loss", result.loss()},
                    {"learning_rate", planned.learning_rate},
                    {"batch", planned.rows},
                    {"context", planned.context},
                    {"gradient_norm", result.gradient_norm},
                    {"tokens_per_second", result.tokens_per_second()}};
  if (settings_.product_rate > 0.0)
    line["mfu"] = result.tokens_per_second() * training_flops_per_token(recipe_.model.config) / settings_.product_rate;
  for (size_t i = 0; i < result.sources.size(); ++i)
    if (const SourceLoss& source = result.sources[i]; source.targets > 0)
      line["sources"][data_.sources()[i]] = {{"loss", source.nats / static_cast<double>(source.targets)},
                                             {"targets", source.targets}};
  if (result.skipped) line["skipped"] = true;
  log_->write(line);
}

void Trainer::log_bad_step(const Batch& batch, const StepResult& result) {
  ordered_json documents = ordered_json::array();
  for (const Piece& piece : batch.pieces)
    documents.push_back({data_.sources()[static_cast<size_t>(piece.source)], piece.document});
  log_->write({{"step", result.step},
               {"event", kind_of(result.verdict)},
               {"loss", result.loss()},
               {"gradient_norm", result.gradient_norm},
               {"loss_z", result.verdict.loss_z},
               {"gradient_norm_z", result.verdict.norm_z},
               {"skipped", result.skipped},
               {"documents", documents}});
  settings_.on_news(fmt::format("step {}: {}, loss {:.4f}, gradient norm {:.4f}{}", result.step,
                                kind_of(result.verdict), result.loss(), result.gradient_norm,
                                result.skipped ? ", step skipped" : ""));
}

uint64_t Trainer::fingerprint() const {
  Checksum sum;
  for (const Parameter& parameter : model_.parameters().all()) {
    const Tensor master = master_on_host(parameter.master(), model_.parameters().place());
    sum.update(master.view().data, master.bytes());
  }
  return sum.value();
}

}  // namespace saker
