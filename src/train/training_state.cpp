#include "train/training_state.h"

#include <functional>

#include "core/error.h"
#include "device/on_host.h"
#include "io/json.h"
#include "io/json_fields.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "model/config.h"
#include "train/checkpoint_folder.h"

namespace saker {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kWeights = "model.safetensors";
constexpr const char* kOptimizer = "optimizer.safetensors";
constexpr const char* kLanes = "lanes.safetensors";
constexpr const char* kState = "state.json";

std::string moment_name(const Parameter& parameter, int moment) {
  return fmt::format("{}.moment{}", parameter.name, moment);
}

std::string exponents_name(const Parameter& parameter, int moment) {
  return moment_name(parameter, moment) + ".exponents";
}

std::string shown(const fs::path& path) {
  return saker::quoted(path.native(), 400);
}

// Writes arrays one by one; `fill(i)` gives the i-th in the layout of files.
template <class Fill>
void write_arrays(CheckpointFolderWriter& folder, const std::string& name,
                  const std::vector<SafetensorsWriter::Entry>& entries, const Fill& fill) {
  SafetensorsWriter file(folder.path_of(name), entries);
  for (size_t i = 0; i < entries.size(); ++i) {
    const Tensor array = fill(i);
    file.write(array.view().data, array.bytes());
  }
  file.commit();
  folder.add(name, file);
}

Tensor stored(const Parameter& parameter, ConstTensorView array, Place place) {
  Tensor tensor(array.dtype, parameter.stored_shape);
  parameter.to_stored(tensor.view(), array, place);
  return tensor;
}

Tensor stored_master(const Parameter& parameter, const MasterView& master, Place place) {
  Tensor tensor(parameter.value.dtype, parameter.stored_shape);
  parameter.master_to_stored(tensor.view(), master, place);
  return tensor;
}

void write_weights(CheckpointFolderWriter& folder, const TrainingState& state) {
  const auto parameters = state.parameters->all();
  std::vector<SafetensorsWriter::Entry> entries;
  for (const Parameter& parameter : parameters)
    entries.push_back({parameter.name, parameter.value.dtype, parameter.stored_shape});
  write_arrays(folder, kWeights, entries,
               [&](size_t i) { return stored_master(parameters[i], state.masters[i], state.place); });
}

// Codes, whose tensors have one layout in memory and in files, and exponents are written as they are, moments in f32 in
// the layout of files.
void write_moments(CheckpointFolderWriter& folder, const TrainingState& state) {
  std::vector<SafetensorsWriter::Entry> entries;
  std::vector<std::function<Tensor()>> arrays;
  for (const int moment : {1, 2})
    for (size_t i = 0; i < state.masters.size(); ++i) {
      const Parameter& parameter = state.parameters->all()[i];
      const ConstTensorView values = moment == 1 ? state.moments1[i] : state.moments2[i];
      const ConstTensorView exponents = moment == 1 ? state.exponents1[i] : state.exponents2[i];
      entries.push_back({moment_name(parameter, moment), values.dtype, parameter.stored_shape});
      arrays.emplace_back([=, &parameter, place = state.place] {
        return exponents ? fetch(values, place) : stored(parameter, values, place);
      });
      if (!exponents) continue;
      entries.push_back({exponents_name(parameter, moment), DType::u8, exponents.shape});
      arrays.emplace_back([=, place = state.place] { return fetch(exponents, place); });
    }
  write_arrays(folder, kOptimizer, entries, [&](size_t i) { return arrays[i](); });
}

void write_lanes(CheckpointFolderWriter& folder, const TrainingState& state) {
  const ConstTensorView &conv = state.lanes[0], &ssm = state.lanes[1];
  SafetensorsWriter file(folder.path_of(kLanes), {{"conv", conv.dtype, conv.shape}, {"ssm", ssm.dtype, ssm.shape}});
  for (const ConstTensorView& array : state.lanes) {
    const OnHost there(array, state.place);
    file.write(there.view().data, static_cast<size_t>(array.shape.elements()) * size_of(array.dtype));
  }
  file.commit();
  folder.add(kLanes, file);
}

// The array, which must have this type and shape.
StoredArray array_of(const SafetensorsFile& file, const std::string& name, DType dtype, const Shape& shape) {
  StoredArray array = file.array(name);
  SAKER_CHECK(array.dtype == dtype && array.shape == shape, ErrorCode::corrupt_data,
              "[checkpoint] {}: expected {} to be {} {}, found {} {}", shown(file.path()), name, saker::name(dtype),
              shape.text(), saker::name(array.dtype), array.shape.text());
  return array;
}

// To a tensor at `place`, of one layout in memory and in the file.
void load_array(const SafetensorsFile& file, const std::string& name, const Shape& shape, TensorView to, Place place) {
  const StoredArray array = array_of(file, name, to.dtype, shape);
  copy_bytes(to.data, place, array.data, kHost, static_cast<size_t>(to.shape.elements()) * size_of(to.dtype));
}

void expect_format(const SafetensorsFile& file, const std::string& name, bool coded) {
  const bool stored_coded = file.array(name).dtype == DType::u8;
  SAKER_CHECK(stored_coded == coded, ErrorCode::invalid_argument,
              "[checkpoint] {}: expected {} in {}, as the recipe's optimizer.moments says, found it in {}",
              shown(file.path()), name, coded ? "8 bits" : "f32", stored_coded ? "8 bits" : "f32");
}

void load_moment(const SafetensorsFile& file, const Parameter& parameter, int moment, Moment& to) {
  const Place place = to.values.place();
  const std::string name = moment_name(parameter, moment);
  const bool coded = static_cast<bool>(to.exponents);
  expect_format(file, name, coded);
  if (coded) {
    load_array(file, name, parameter.stored_shape, to.values.view(), place);
    const TensorView exponents = to.exponents.view();
    return load_array(file, exponents_name(parameter, moment), exponents.shape, exponents, place);
  }
  const StoredArray array = array_of(file, name, parameter.value.dtype, parameter.stored_shape);
  parameter.from_stored(to.values.view(), ConstTensorView(array.data, array.dtype, array.shape), place);
}

std::deque<double> window(const json& list) {
  return {list.begin(), list.end()};
}

}  // namespace

json to_json(const Progress& progress) {
  return {{"step", progress.step},
          {"tokens", progress.tokens},
          {"skipped", progress.skipped},
          {"updates", progress.updates},
          {"forked_at_tokens", progress.forked_at_tokens},
          {"data", progress.data},
          {"spikes",
           {{"losses", progress.spikes.losses},
            {"norms", progress.spikes.norms},
            {"bad_in_a_row", progress.spikes.bad_in_a_row}}}};
}

Progress progress_from_json(const json& value, std::string_view from) {
  try {
    const json& spikes = value.at("spikes");
    return {.step = value.at("step"),
            .tokens = value.at("tokens"),
            .skipped = value.at("skipped"),
            .updates = value.at("updates"),
            .forked_at_tokens = value.at("forked_at_tokens"),
            .data = value.at("data"),
            .spikes = {window(spikes.at("losses")), window(spikes.at("norms")), spikes.at("bad_in_a_row")}};
  } catch (const json::exception& error) {
    fail(ErrorCode::corrupt_data, "[checkpoint] {}: {}", from, saker::quoted(std::string_view(error.what()), 200));
  }
}

TrainingState state_of(const Parameters& parameters, Optimizer& optimizer, StatePool* lanes, const Progress& progress) {
  TrainingState state;
  state.parameters = &parameters;
  for (size_t i = 0; i < parameters.all().size(); ++i) {
    state.masters.push_back(parameters.all()[i].master());
    Moment &first = optimizer.moment1(i), &second = optimizer.moment2(i);
    state.moments1.push_back(first.values.view());
    state.moments2.push_back(second.values.view());
    state.exponents1.push_back(first.exponents.view());
    state.exponents2.push_back(second.exponents.view());
  }
  if (lanes) state.lanes = {lanes->view().conv, lanes->view().ssm};
  state.place = parameters.place();
  state.progress = progress;
  return state;
}

void save_training_checkpoint(const fs::path& folder, const TrainingState& state, const CheckpointLabel& label) {
  CheckpointFolderWriter writer(folder);
  write_weights(writer, state);
  write_moments(writer, state);
  if (!state.lanes.empty()) write_lanes(writer, state);
  ModelConfig config = state.parameters->config();
  config.stored_dtype = state.parameters->all().front().value.dtype;
  writer.write_text("config.json", write_config(config));
  if (!label.tokenizer.empty()) writer.write_text("tokenizer.json", label.tokenizer);
  const json saved = {{"progress", to_json(state.progress)}, {"recipe", label.recipe}, {"version", label.version}};
  writer.write_text(kState, saved.dump(2) + "\n");
  writer.commit(state.progress.step, state.progress.tokens);
}

SavedRun read_saved_state(const fs::path& folder) {
  const fs::path path = folder / kState;
  const json saved = parse_json(read_file(path), "checkpoint", shown(path));
  const std::string from = shown(path);
  const JsonFields fields(saved, "checkpoint", from);
  return {progress_from_json(fields.object("progress").value(), from), fields.object("recipe").value(),
          fields.text("version", "")};
}

void load_optimizer(const fs::path& folder, const Parameters& parameters, Optimizer& optimizer) {
  const SafetensorsFile file(folder / kOptimizer);
  for (size_t i = 0; i < parameters.all().size(); ++i) {
    const Parameter& parameter = parameters.all()[i];
    load_moment(file, parameter, 1, optimizer.moment1(i));
    load_moment(file, parameter, 2, optimizer.moment2(i));
  }
}

void load_lanes(const fs::path& folder, StatePool& lanes) {
  const SafetensorsFile file(folder / kLanes);
  const StateView to = lanes.view();
  load_array(file, "conv", to.conv.shape, to.conv, lanes.place());
  load_array(file, "ssm", to.ssm.shape, to.ssm, lanes.place());
}

}  // namespace saker
