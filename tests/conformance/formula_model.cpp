// The fixture of model-spec, appendix A: small weights from an integer formula, results from an independent float64
// implementation.

#include <cmath>

#include "conformance/conformance.h"
#include "conformance/formula_weights.h"
#include "conformance/vectors.h"
#include "model/falcon_mamba.h"

namespace saker::conformance {

namespace {

const std::vector<double> kLast0{0.326579362746, 0.197584792323,  0.384267799723, 0.290129359005,
                                 0.324087755253, 0.910633027227,  0.005276907984, -0.087358254593,
                                 0.340775720512, -0.610887162661, 1.423632113484};
const std::vector<double> kLast1{-0.214887412483, 0.496743808563,  -0.051372166873, 0.403479424730,
                                 -1.157408054982, 0.035492911455,  1.549399801881,  0.095878535723,
                                 0.161950055735,  -0.563014761294, 0.489965714963};

double norm_of(ConstTensorView state, int64_t layer, int64_t slot, Place place) {
  const Array values = to_array(state.index(layer).index(slot), place);
  double squares = 0.0;
  for (double value : values.values) squares += value * value;
  return std::sqrt(squares);
}

// The fixture's batch through a model: rows 0 and 1 as one batch without padding.
class Run {
 public:
  Run(const FormulaWeights& fixture, const ModelConfig& config, const Backend& backend, DType dtype)
      : weights_(fixture.weights()), pool_(config, 2, dtype, backend.place()) {
    weights_.config = config;
    const FalconMamba model(weights_, backend, dtype);
    std::vector<int32_t> ids = kRow0;
    ids.insert(ids.end(), kRow1.begin(), kRow1.end());
    const Segment segments[] = {{0, 7, 0}, {7, 5, 1}};
    Workspace workspace(model, 12);
    Tensor logits(dtype, {12, kVocab}, pool_.place());
    model.head(workspace, logits.view(), model.forward(workspace, ids, segments, pool_.view()));
    logits_ = to_array(std::as_const(logits).view(), pool_.place()).values;
  }

  std::vector<double> logits(size_t begin, size_t rows) const {
    return {logits_.begin() + static_cast<std::ptrdiff_t>(begin * kVocab),
            logits_.begin() + static_cast<std::ptrdiff_t>((begin + rows) * kVocab)};
  }

  // Mean over the 11 targets: 6 of row 0, 4 of row 1, and the first real token of row 1, which its second pad predicts.
  double loss() const {
    double sum = cross_entropy(pad_logits(), kRow1[0]);
    for (size_t t = 0; t + 1 < kRow0.size(); ++t) sum += cross_entropy(logits(t, 1), kRow0[t + 1]);
    for (size_t t = 0; t + 1 < kRow1.size(); ++t) sum += cross_entropy(logits(7 + t, 1), kRow1[t + 1]);
    return sum / 11.0;
  }

  ConstStateView state() const { return pool_.view(); }

 private:
  static double cross_entropy(const std::vector<double>& logits, int32_t label) {
    double total = 0.0;
    for (double logit : logits) total += std::exp(logit);
    return std::log(total) - logits[static_cast<size_t>(label)];
  }

  // A masked position adds nothing to the residual: its logits are those of the embedding of id 0 alone.
  std::vector<double> pad_logits() const {
    const double* h = weights_.embeddings.as<double>();
    double squares = 0.0;
    for (int64_t i = 0; i < kModel; ++i) squares += h[i] * h[i];
    const double scale = 1.0 / std::sqrt(squares / kModel + weights_.config.rms_eps);
    std::vector<double> out(kVocab);
    for (int64_t v = 0; v < kVocab; ++v)
      for (int64_t i = 0; i < kModel; ++i)
        out[static_cast<size_t>(v)] +=
            weights_.lm_head.as<double>()[v * kModel + i] * h[i] * scale * weights_.norm_f.as<double>()[i];
    return out;
  }

  Weights weights_;
  StatePool pool_;
  std::vector<double> logits_;
};

double sum_of(const std::vector<double>& values) {
  double sum = 0.0;
  for (double value : values) sum += value;
  return sum;
}

void check_greedy(const FormulaWeights& fixture, const Backend& backend, DType dtype, const std::string& prefix,
                  Report& report) {
  const FalconMamba model(fixture.weights(), backend, dtype);
  Workspace workspace(model);
  RecurrentState state = model.new_state();
  std::vector<float> logits(kVocab);
  model.prefill(workspace, kRow0, state, logits);
  size_t same = 0;
  for (int32_t wanted : {10, 3, 3, 3, 3, 3, 3, 3}) {
    const auto id = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    same += id == wanted;
    model.step(workspace, id, state, logits);
  }
  report.count(prefix + "greedy continuation", same, 8);
}

void check_formula_model_in(DType dtype, const Backend& backend, Report& report) {
  const FormulaWeights fixture;
  const ModelConfig config = fixture.weights().config;
  const Run run(fixture, config, backend, dtype);
  // The digits of the specification end at 1e-12.
  const double bound = dtype == DType::f64 ? 1e-11 : 1e-5;
  const std::string prefix = "appendix A " + std::string(name(dtype)) + " ";
  const auto number = [&](const std::string& what, double got, double expected) {
    report.check(prefix + what, std::abs(got / expected - 1.0), bound);
  };

  report.check(prefix + "last logits, row 0", relative_error(run.logits(6, 1), kLast0), bound);
  report.check(prefix + "last logits, row 1", relative_error(run.logits(11, 1), kLast1), bound);
  number("sum of logits, row 0", sum_of(run.logits(0, 7)), 8.719168129337);
  number("sum of logits, row 1", sum_of(run.logits(7, 5)), 2.640002406745);
  number("loss", run.loss(), 2.494877986206129);
  ModelConfig variant = config;
  variant.variant = Variant::mamba;
  number("loss without the norms", Run(fixture, variant, backend, dtype).loss(), 2.470627936591);
  variant = config;
  variant.mixer_rms_eps = 1e-5;
  number("loss with mixer eps 1e-5", Run(fixture, variant, backend, dtype).loss(), 2.494877750340);

  const double norms[2][2][2] = {{{3.557723729647, 4.029803663928}, {0.405617072215, 0.767296779047}},
                                 {{4.407137280825, 3.664027209176}, {0.546345193273, 0.526554602820}}};
  for (int64_t layer = 0; layer < kLayers; ++layer)
    for (int64_t slot = 0; slot < 2; ++slot) {
      const std::string where = fmt::format(", layer {} row {}", layer, slot);
      number("conv window" + where, norm_of(run.state().conv, layer, slot, backend.place()), norms[layer][0][slot]);
      number("ssm state" + where, norm_of(run.state().ssm, layer, slot, backend.place()), norms[layer][1][slot]);
    }
  check_greedy(fixture, backend, dtype, prefix, report);
}

}  // namespace

void check_formula_model(const Backend& backend, Report& report) {
  std::vector<DType> types{DType::f32};
  if (backend.kind == BackendKind::reference) types.push_back(DType::f64);
  for (DType dtype : types) {
    check_formula_model_in(dtype, backend, report);
    check_formula_gradients(dtype, backend, report);
  }
}

}  // namespace saker::conformance
