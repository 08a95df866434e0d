#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>

#include "conformance/bounds.h"
#include "conformance/conformance.h"
#include "conformance/states.h"
#include "core/error.h"
#include "model/checkpoint.h"
#include "model/training_model.h"
#include "ops/adamw/adamw.h"
#include "ops/sum_of_squares/sum_of_squares.h"

namespace saker::conformance {

namespace {

constexpr int64_t kRows = 128, kSlots = 2;  // as many as any group has

// Token rows of one length as a batch: every row is a segment and predicts its next token.
struct Rows {
  std::vector<int32_t> ids, labels;
  std::vector<Segment> segments;
  int64_t predictions = 0;

  // `labels` as HF has them, [b, l]: the label of a token belongs to the row before it. A row at which `reset` is 1
  // begins a document.
  Rows(const Array& given, const Array& given_labels, bool carries, const Array* reset = nullptr) {
    const auto b = static_cast<size_t>(given.shape[0]), l = static_cast<size_t>(given.shape[1]);
    for (size_t at = 0; at < b * l; ++at) {
      ids.push_back(static_cast<int32_t>(given.values[at]));
      const auto next = at % l + 1 < l ? static_cast<int32_t>(given_labels.values[at + 1]) : kIgnoredLabel;
      labels.push_back(next);
      predictions += next != kIgnoredLabel;
      const bool first = at % l == 0 || (reset && reset->values[at] != 0.0);
      if (first) segments.push_back({static_cast<int64_t>(at), 0, carries ? static_cast<int64_t>(at / l) : kNoSlot});
      ++segments.back().length;
    }
  }
};

// One golden model in training, computing in one type.
class TrainingCheck {
 public:
  TrainingCheck(const std::filesystem::path& folder, const Backend& backend, DType dtype, Report& report)
      : vectors_(folder / "vectors.safetensors"),
        settings_(nlohmann::json::parse(std::ifstream(folder / "vectors.json")).at("adamw")),
        model_(load_checkpoint(folder), backend,
               {.dtype = dtype, .recompute = Recompute::in_block, .max_rows = kRows, .max_slots = kSlots}),
        prefix_(folder.filename().string() + " " + std::string(name(dtype)) + " "),
        loss_bound_(forward_bound(dtype, model_.config().n_layer)),
        bound_(gradient_bound(dtype, model_.config().n_layer)),
        report_(report) {}

  void run() {
    train();
    packed();
    if (model_.options().dtype == DType::bf16) return;
    carry();
    adamw();
  }

 private:
  // The mean loss over the predictions.
  double pass(const Rows& rows, StateView state = {}, const std::optional<StateView>& dstate = std::nullopt) {
    Tensor nats(model_.accumulation_dtype(), {static_cast<int64_t>(rows.ids.size())}, place_);
    const auto predictions = static_cast<double>(rows.predictions);
    model_.forward_backward(rows.ids, rows.labels, rows.segments, state, {.scale = 1.0 / predictions, .z_loss = 0.0},
                            nats.view(), dstate);
    double sum = 0.0;
    model_.stream().wait();
    for (double value : to_array(nats.view(), place_).values) sum += value;
    return sum / predictions;
  }

  void check_loss(const std::string& group, double got, double expected) {
    report_.check(prefix_ + group + ".loss", std::abs(got / expected - 1.0), loss_bound_);
  }

  void check_gradients(const std::string& group) {
    if (model_.options().dtype == DType::bf16) return check_direction(group);
    double worst = 0.0;
    std::string where;
    for (const Parameter& parameter : model_.parameters().all()) {
      const double error = relative_error(stored(parameter, parameter.gradient), expected(group, parameter));
      if (error > worst) where = parameter.name;
      worst = std::max(worst, error);
    }
    report_.check(prefix_ + group + " (" + where + ")", worst, bound_);
  }

  // In bf16, of all gradients as one vector: the length of the error over the length. Without the norms of dt, B and C
  // nothing bounds how a layer amplifies: no check.
  void check_direction(const std::string& group) {
    if (model_.config().variant == Variant::mamba) return;
    double error = 0.0, length = 0.0;
    for (const Parameter& parameter : model_.parameters().all()) {
      const std::vector<double> got = stored(parameter, parameter.gradient), wanted = expected(group, parameter);
      for (size_t i = 0; i < got.size(); ++i) {
        error += (got[i] - wanted[i]) * (got[i] - wanted[i]);
        length += wanted[i] * wanted[i];
      }
    }
    report_.check(prefix_ + group, std::sqrt(error / length), bound_);
  }

  void train() {
    const Rows rows(read(vectors_, "train.ids"), read(vectors_, "train.labels"), /*carries=*/false);
    model_.zero_gradients();
    check_loss("train", pass(rows), read(vectors_, "train.loss").values[0]);
    check_gradients("train.grad");
  }

  void packed() {
    const Array ids = read(vectors_, "packed.ids"), reset = read(vectors_, "packed.reset");
    Array labels = ids;
    for (size_t t = 0; t < labels.values.size(); ++t)
      if (reset.values[t] != 0.0) labels.values[t] = kIgnoredLabel;
    model_.zero_gradients();
    check_loss("packed", pass(Rows(ids, labels, /*carries=*/false, &reset)), read(vectors_, "packed.loss").values[0]);
    check_gradients("packed.grad");
  }

  // From given states, with gradients of the states after: the loss is the cross-entropy and <states after, gradients>.
  void carry() {
    const Array ids = read(vectors_, "carry.ids");
    const int64_t b = ids.shape[0];
    StatePool states(model_.config(), b, model_.accumulation_dtype(), place_);
    StatePool dstates(model_.config(), b, model_.accumulation_dtype(), place_);
    set_state(states.view().ssm, read(vectors_, "carry.ssm_state_in"), 0, place_);
    set_state(states.view().conv, read(vectors_, "carry.conv_state_in"), 1, place_);
    set_state(dstates.view().ssm, read(vectors_, "carry.ssm_state_out_grad"), 0, place_);
    set_state(dstates.view().conv, read(vectors_, "carry.conv_state_out_grad"), 1, place_);
    const std::vector<double> dssm = state_values(dstates.view().ssm, place_),
                              dconv = state_values(dstates.view().conv, place_);

    model_.zero_gradients();
    double loss = pass(Rows(ids, ids, /*carries=*/true), states.view(), dstates.view());
    const std::vector<double> ssm = state_values(states.view().ssm, place_),
                              conv = state_values(states.view().conv, place_);
    for (size_t i = 0; i < ssm.size(); ++i) loss += ssm[i] * dssm[i];
    for (size_t i = 0; i < conv.size(); ++i) loss += conv[i] * dconv[i];
    check_loss("carry", loss, read(vectors_, "carry.loss").values[0]);
    check_gradients("carry.grad");
    check_state("carry.ssm_state_out", states.view().ssm, 0, loss_bound_);
    check_state("carry.conv_state_out", states.view().conv, 1, loss_bound_);
    check_state("carry.grad.ssm_state_in", dstates.view().ssm, 0, bound_);
    check_state("carry.grad.conv_state_in", dstates.view().conv, 1, bound_);
  }

  void check_state(const std::string& group, ConstTensorView state, int64_t dead, double bound) {
    report_.check(prefix_ + group,
                  relative_error(state_values(state, place_), living_values(read(vectors_, group), dead)), bound);
  }

  // Changes the weights: last.
  void adamw() {
    Stream& stream = model_.stream();
    std::vector<Tensor> moments1, moments2;
    for (const Parameter& parameter : model_.parameters().all()) {
      moments1.emplace_back(parameter.value.dtype, parameter.value.shape, place_);
      moments2.emplace_back(parameter.value.dtype, parameter.value.shape, place_);
    }
    const Array ids = read(vectors_, "adamw.ids");
    const auto decayed = settings_.at("decayed").get<std::vector<std::string>>();
    const auto setting = [&](const char* key, size_t i) { return settings_.at(key).at(i).get<double>(); };
    std::vector<double> losses, norms;
    double rates = 0.0;
    for (int64_t step = 0; step < ids.shape[0]; ++step) {
      const auto i = static_cast<size_t>(step);
      model_.zero_gradients();
      losses.push_back(pass(Rows(ids[step], ids[step], /*carries=*/false)) / setting("loss", i) - 1.0);
      Tensor squares(DType::f64, {1}, place_);
      for (const Parameter& parameter : model_.parameters().all())
        sum_of_squares(stream, squares.view(), parameter.gradient);
      norms.push_back(std::sqrt(to_array(squares.view(), place_).values[0]) / setting("grad_norm", i) - 1.0);
      for (size_t p = 0; p < moments1.size(); ++p) {
        const Parameter& parameter = model_.parameters().all()[p];
        const bool decays = std::ranges::find(decayed, parameter.name) != decayed.end();
        saker::adamw(stream, {.parameter = parameter.value,
                              .moment1 = moments1[p].view(),
                              .moment2 = moments2[p].view(),
                              .rounded = {},
                              .gradient = parameter.gradient,
                              .squared_norm = squares.view(),
                              .max_norm = settings_.at("clip").get<double>(),
                              .lr = setting("lr", i),
                              .beta1 = setting("betas", 0),
                              .beta2 = setting("betas", 1),
                              .eps = settings_.at("eps").get<double>(),
                              .weight_decay = decays ? settings_.at("weight_decay").get<double>() : 0.0,
                              .step = step + 1});
      }
      model_.refresh();
      rates += setting("lr", i);
    }
    check_steps(losses, norms, adamw_bound(model_.options().dtype, rates));
  }

  // Relative errors of the steps, and the weights after them. In f32 the first step, whose weights are exact, by the
  // bounds of a pass.
  void check_steps(const std::vector<double>& losses, const std::vector<double>& norms, double bound) {
    report_.check(prefix_ + "adamw first loss", std::abs(losses[0]), loss_bound_);
    report_.check(prefix_ + "adamw first norm", std::abs(norms[0]), bound_);
    report_.check(prefix_ + "adamw losses", largest(losses), bound);
    if (model_.options().dtype == DType::f64) report_.check(prefix_ + "adamw norms", largest(norms), bound);
    double worst = 0.0;
    for (const Parameter& parameter : model_.parameters().all())
      worst = std::max(worst, mean_error(stored(parameter, parameter.value), expected("adamw.final", parameter)));
    report_.check(prefix_ + "adamw.final", worst, bound);
  }

  static double largest(const std::vector<double>& values) {
    double largest = 0.0;
    for (double value : values) largest = std::max(largest, std::abs(value));
    return largest;
  }

  // Root of the mean square.
  static double mean_error(const std::vector<double>& got, const std::vector<double>& wanted) {
    double squares = 0.0;
    for (size_t i = 0; i < got.size(); ++i) squares += (got[i] - wanted[i]) * (got[i] - wanted[i]);
    return std::sqrt(squares / static_cast<double>(got.size()));
  }

  std::vector<double> stored(const Parameter& parameter, ConstTensorView array) const {
    Tensor stored(DType::f64, parameter.stored_shape);
    parameter.to_stored(stored.view(), array, place_);
    return to_array(stored.view()).values;
  }

  std::vector<double> expected(const std::string& group, const Parameter& parameter) const {
    return read(vectors_, group + "." + parameter.name).values;
  }

  SafetensorsFile vectors_;
  nlohmann::json settings_;
  TrainingModel model_;
  Place place_ = model_.parameters().place();
  std::string prefix_;
  double loss_bound_, bound_;
  Report& report_;
};

}  // namespace

void check_training(const std::filesystem::path& golden, const Backend& backend, Report& report) {
  for (const auto& folder : model_folders(golden)) {
    std::vector<DType> types{DType::f32, DType::bf16};
    if (backend.kind == BackendKind::reference) types.push_back(DType::f64);
    for (DType dtype : types) TrainingCheck(folder, backend, dtype, report).run();
  }
}

}  // namespace saker::conformance
