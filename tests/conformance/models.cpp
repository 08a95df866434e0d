#include "conformance/bounds.h"
#include "conformance/conformance.h"
#include "conformance/states.h"
#include "core/error.h"
#include "model/checkpoint.h"
#include "model/falcon_mamba.h"

namespace saker::conformance {

namespace {

// One golden model held in one type.
class ModelCheck {
 public:
  ModelCheck(const std::filesystem::path& folder, const Backend& backend, DType dtype, Report& report)
      : vectors_(folder / "vectors.safetensors"),
        model_(load_checkpoint(folder), backend, dtype),
        prefix_(folder.filename().string() + " " + std::string(name(dtype)) + " "),
        bound_(forward_bound(dtype, model_.config().n_layer, backend.kind)),
        report_(report) {}

  void run() {
    prompt_and_decode();
    for (int64_t chunk : {1, 2, 3, 5, 64, 100, 331}) chunks(chunk);
    greedy();
    if (vectors_.contains("padded.ids")) padded();
    carry();
  }

 private:
  struct Outputs {
    std::vector<double> logits;  // [l, v]
    std::vector<double> layers;  // [p, l, d]
    std::vector<double> hidden;  // [l, d]
  };

  const ModelConfig& config() const { return model_.config(); }
  Place place() const { return model_.backend().place(); }

  void check(const std::string& group, const std::vector<double>& got, const std::vector<double>& expected) {
    report_.check(prefix_ + group, relative_error(got, expected), bound_);
  }

  Tensor logits_for(Workspace& workspace, ConstTensorView hidden) const {
    Tensor logits(model_.dtype() == DType::f64 ? DType::f64 : DType::f32, {hidden.rows(), config().vocab_size},
                  place());
    model_.head(workspace, logits.view(), hidden);
    return logits;
  }

  Outputs forward(std::span<const int32_t> ids, Segments segments, StateView state) const {
    Workspace workspace(model_, static_cast<int64_t>(ids.size()));
    Outputs out;
    const ConstTensorView hidden =
        model_.forward(workspace, ids, segments, state, [&](int64_t, ConstTensorView residual) {
          const Array layer = to_array(residual, place());
          out.layers.insert(out.layers.end(), layer.values.begin(), layer.values.end());
        });
    out.hidden = to_array(hidden, place()).values;
    out.logits =
        to_array(std::as_const(*std::make_unique<Tensor>(logits_for(workspace, hidden))).view(), place()).values;
    return out;
  }

  // States as the vectors have them: conv [p, b, e, k] without its dead first slot, ssm [p, b, e, n].
  void check_states(const std::string& group, ConstStateView state) {
    check_state(group + ".ssm_state", state.ssm, 0);
    check_state(group + ".conv_state", state.conv, 1);
  }

  void check_state(const std::string& group, ConstTensorView state, int64_t dead) {
    const Array expected = read(vectors_, group);
    const int64_t p = state.shape[0], s = state.shape[1], j = state.shape[2], e = state.shape[3];
    if (!(expected.shape == Shape{p, s, e, j + dead})) {
      report_.failed(prefix_ + group, "shape " + expected.shape.text());
      return;
    }
    check(group, state_values(state, place()), living_values(expected, dead));
  }

  void prompt_and_decode() {
    RecurrentState state = model_.new_state();
    const std::vector<int32_t> prompt = read_ids(vectors_, "prompt.ids");
    const Segment whole{0, static_cast<int64_t>(prompt.size()), 0};
    const Outputs out = forward(prompt, {&whole, 1}, state.view());
    check("prompt.logits", out.logits, read(vectors_, "prompt.logits").values);
    check("prompt.layer_outputs", out.layers, read(vectors_, "prompt.layer_outputs").values);
    check("prompt.final_norm", out.hidden, read(vectors_, "prompt.final_norm").values);
    check_states("prompt", std::as_const(state).view());

    std::vector<double> decoded;
    const Segment one{0, 1, 0};
    for (int32_t id : read_ids(vectors_, "decode.ids")) {
      const Outputs step = forward({&id, 1}, {&one, 1}, state.view());
      decoded.insert(decoded.end(), step.logits.begin(), step.logits.end());
    }
    check("decode.logits", decoded, read(vectors_, "decode.logits").values);
    check_states("decode", std::as_const(state).view());
  }

  void chunks(int64_t chunk) {
    Workspace workspace(model_, chunk);
    RecurrentState state = model_.new_state();
    std::vector<float> logits(static_cast<size_t>(config().vocab_size));
    model_.prefill(workspace, read_ids(vectors_, "long.ids"), state, logits);
    const std::string group = "long by " + std::to_string(chunk);
    // prefill answers in f32 whatever the model's type.
    report_.check(prefix_ + group + " last_logits",
                  relative_error({logits.begin(), logits.end()}, read(vectors_, "long.last_logits").values),
                  std::max(bound_, 1e-6));
    if (chunk == 331 || chunk == 1) check_states("long", std::as_const(state).view());
  }

  // The greedy text, as far as rounding cannot choose otherwise: up to the first step where the two best logits are
  // closer than twice the bound on their error.
  void greedy() {
    Workspace workspace(model_);
    RecurrentState state = model_.new_state();
    std::vector<float> logits(static_cast<size_t>(config().vocab_size));
    model_.prefill(workspace, read_ids(vectors_, "prompt.ids"), state, logits);
    const std::vector<int32_t> expected = read_ids(vectors_, "greedy.ids");
    size_t same = 0;
    bool near_tie = false;
    for (int32_t wanted : expected) {
      const auto best = std::max_element(logits.begin(), logits.end());
      const auto id = static_cast<int32_t>(best - logits.begin());
      if (id != wanted) {
        const double scale = std::abs(*best);
        near_tie = *best - logits[static_cast<size_t>(wanted)] <= 2.0 * bound_ * scale;
        break;
      }
      ++same;
      model_.step(workspace, id, state, logits);
    }
    if (near_tie)
      report_.count(prefix_ + "greedy.ids", same, same, fmt::format(", then a near-tie (of {})", expected.size()));
    else
      report_.count(prefix_ + "greedy.ids", same, expected.size());
  }

  // Left-padded rows are the rows without their padding: one batch of unequal segments.
  void padded() {
    const Array mask = read(vectors_, "padded.mask"), rows = read(vectors_, "padded.ids"),
                expected = read(vectors_, "padded.logits");
    const int64_t b = mask.shape[0], l = mask.shape[1], v = config().vocab_size;
    std::vector<int32_t> ids;
    std::vector<Segment> segments;
    std::vector<double> wanted;
    for (int64_t row = 0; row < b; ++row) {
      const auto begin = static_cast<int64_t>(ids.size());
      for (int64_t t = 0; t < l; ++t) {
        const auto at = static_cast<size_t>(row * l + t);
        if (mask.values[at] == 0.0) continue;
        ids.push_back(static_cast<int32_t>(rows.values[at]));
        const auto first = expected.values.begin() + static_cast<std::ptrdiff_t>(at) * v;
        wanted.insert(wanted.end(), first, first + v);
      }
      segments.push_back({begin, static_cast<int64_t>(ids.size()) - begin, row});
    }
    StatePool pool = model_.new_states(b);
    check("padded.logits", forward(ids, segments, pool.view()).logits, wanted);
    check_states("padded", std::as_const(pool).view());
  }

  // Two rows from a given state.
  void carry() {
    const Array ids = read(vectors_, "carry.ids");
    const int64_t b = ids.shape[0], l = ids.shape[1];
    StatePool pool = model_.new_states(b);
    set_state(pool.view().ssm, read(vectors_, "carry.ssm_state_in"), 0, place());
    set_state(pool.view().conv, read(vectors_, "carry.conv_state_in"), 1, place());
    std::vector<Segment> segments;
    for (int64_t row = 0; row < b; ++row) segments.push_back({row * l, l, row});
    const Outputs out = forward(read_ids(vectors_, "carry.ids"), segments, pool.view());
    check("carry.logits", out.logits, read(vectors_, "carry.logits").values);
    check_state("carry.ssm_state_out", std::as_const(pool).view().ssm, 0);
    check_state("carry.conv_state_out", std::as_const(pool).view().conv, 1);
  }

  SafetensorsFile vectors_;
  FalconMamba model_;
  std::string prefix_;
  double bound_;
  Report& report_;
};

// The stored type, f32 (exact for every stored type), and f64 where the backend can.
std::vector<DType> types_to_try(DType stored, const Backend& backend) {
  std::vector<DType> types{stored};
  if (stored != DType::f32) types.push_back(DType::f32);
  if (backend.kind == BackendKind::reference) types.push_back(DType::f64);
  return types;
}

}  // namespace

std::vector<std::filesystem::path> model_folders(const std::filesystem::path& golden) {
  std::vector<std::filesystem::path> folders;
  for (const auto& entry : std::filesystem::directory_iterator(golden))
    if (std::filesystem::exists(entry.path() / "vectors.safetensors")) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  return folders;
}

void check_models(const std::filesystem::path& golden, const Backend& backend, Report& report) {
  const std::vector<std::filesystem::path> folders = model_folders(golden);
  if (folders.empty()) report.failed(golden.string(), "no folder with vectors.safetensors");
  for (const auto& folder : folders) {
    const DType stored = load_checkpoint(folder).layers.at(0).in_proj.dtype;
    for (DType dtype : types_to_try(stored, backend)) ModelCheck(folder, backend, dtype, report).run();
  }
}

}  // namespace saker::conformance
