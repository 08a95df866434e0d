// All of a run that a checkpoint holds: with it, what follows is the same bit for bit as without an interruption.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/parameters.h"
#include "model/state.h"
#include "train/optimizer.h"
#include "train/spike_guard.h"

namespace saker {

// Counters and positions. A forked run counts its own steps and tokens from 0.
struct Progress {
  int64_t step = 0, tokens = 0;  // taken from the data, also by steps that were skipped
  int64_t skipped = 0;           // steps that changed no parameter
  int64_t updates = 0;           // steps of the optimiser, also those before a fork
  int64_t forked_at_tokens = 0;  // tokens of all runs before
  nlohmann::json data;           // where the loader is
  SpikeGuard::State spikes;
};

nlohmann::json to_json(const Progress& progress);
// Throws corrupt_data; `from` names the file.
Progress progress_from_json(const nlohmann::json& json, std::string_view from);

// What a checkpoint is written from: views of a run that stands still, or of a copy.
struct TrainingState {
  const Parameters* parameters = nullptr;               // names, roles and shapes
  std::vector<MasterView> masters;                      // of each parameter, in the layout of computation,
  std::vector<ConstTensorView> moments1, moments2;      // as these
  std::vector<ConstTensorView> exponents1, exponents2;  // of moments in 8 bits; empty views for others
  std::vector<ConstTensorView> lanes;                   // conv and ssm of carried sequences; none if none are
  Place place;                                          // where all of them lie
  Progress progress;
};

// `lanes` is null if no sequences are carried.
TrainingState state_of(const Parameters& parameters, Optimizer& optimizer, StatePool* lanes, const Progress& progress);

// Calls visit(view) for every array of a state.
template <class State, class Visit>
void for_each_array(State& state, const Visit& visit) {
  for (auto& master : state.masters)
    for (auto* part : {&master.value, &master.high, &master.low})
      if (*part && (part == &master.value || master.is_split())) visit(*part);
  for (auto* arrays : {&state.moments1, &state.moments2, &state.exponents1, &state.exponents2, &state.lanes})
    for (auto& array : *arrays)
      if (array) visit(array);
}

// What describes a checkpoint beside its numbers.
struct CheckpointLabel {
  nlohmann::json recipe;
  std::string tokenizer;  // tokenizer.json, so that the folder is a model
  std::string version;    // of the program
};

// Replaces the checkpoint `folder`. Throws io; the old one is then still there.
void save_training_checkpoint(const std::filesystem::path& folder, const TrainingState& state,
                              const CheckpointLabel& label);

// state.json of a checkpoint.
struct SavedRun {
  Progress progress;
  nlohmann::json recipe;
  std::string version;
};
SavedRun read_saved_state(const std::filesystem::path& folder);

// Moments and lanes of a checkpoint; its weights are those of load_checkpoint(folder). Throws corrupt_data, and
// invalid_argument if its moments are in another format than the optimiser's.
void load_optimizer(const std::filesystem::path& folder, const Parameters& parameters, Optimizer& optimizer);
void load_lanes(const std::filesystem::path& folder, StatePool& lanes);

}  // namespace saker
