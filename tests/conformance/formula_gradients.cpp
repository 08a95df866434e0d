// Gradients of the fixture of model-spec, appendix A, in float64 from an independent implementation.

#include <cmath>

#include "conformance/bounds.h"
#include "conformance/conformance.h"
#include "conformance/formula_weights.h"
#include "conformance/vectors.h"
#include "device/on_host.h"
#include "model/training_model.h"
#include "ops/embedding/embedding.h"
#include "ops/embedding/embedding_backward.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/rms_norm/rms_norm_backward.h"

namespace saker::conformance {

namespace {

constexpr double kLoss = 2.494877986206129, kTargets = 11.0;

struct Expected {
  double norm;        // Euclidean
  double projection;  // sum_i gradient[i] formula(100 + position, i)
};

// In the order of tensor_specs.
constexpr Expected kGradients[] = {{3.869472284378e-01, 3.245333948240e-01},  {5.914091690669e-02, 3.383690339767e-02},
                                   {2.154218610620e-01, -1.477469476721e-01}, {1.746162036989e-01, -1.395709430195e-01},
                                   {1.004565206383e-01, -3.325454752745e-02}, {1.226171363309e-01, -5.375479121695e-02},
                                   {3.099132587192e-02, -1.999167083365e-02}, {3.187852003504e-02, -2.714515778830e-02},
                                   {9.940105378089e-03, -3.334343772957e-03}, {2.295632665590e-02, 1.124208511728e-03},
                                   {1.004464877578e-01, 8.347742179783e-02},  {3.579401861331e-02, -4.095441663092e-02},
                                   {1.363856414596e-01, -7.145983986049e-02}, {1.092462466385e-01, -5.358637344249e-02},
                                   {6.818882458902e-02, 4.709115539116e-02},  {6.557496883420e-02, -3.708168196032e-02},
                                   {2.128407194190e-02, 5.250749807264e-03},  {9.878377690080e-03, 4.185885924027e-03},
                                   {7.711813274514e-03, -1.240367502688e-03}, {1.239738286464e-02, -4.270399485257e-03},
                                   {1.069285741767e-01, -1.085272713750e-01}, {2.302381004303e-01, 8.969474229868e-02},
                                   {7.032990960683e-01, 5.268448165288e-01}};

double sum_of(ConstTensorView view) {
  double sum = 0.0;
  for (double value : to_array(view).values) sum += value;
  return sum;
}

// Rows 0 and 1 as one batch without padding: each predicts its next tokens. The sum of their losses.
double rows_pass(TrainingModel& model) {
  std::vector<int32_t> ids, labels;
  std::vector<Segment> segments;
  for (const std::vector<int32_t>& row : {kRow0, kRow1}) {
    segments.push_back({static_cast<int64_t>(ids.size()), static_cast<int64_t>(row.size()), kNoSlot});
    ids.insert(ids.end(), row.begin(), row.end());
    labels.insert(labels.end(), row.begin() + 1, row.end());
    labels.push_back(kIgnoredLabel);
  }
  Tensor nats(model.accumulation_dtype(), {static_cast<int64_t>(ids.size())}, model.parameters().place());
  model.forward_backward(ids, labels, segments, {}, {.scale = 1.0 / kTargets, .z_loss = 0.0}, nats.view());
  return sum_of(OnHost(nats.view(), model.stream()).view());
}

// The fixture's second pad predicts the first token of row 1. A masked position adds nothing to the residual stream: it
// is the embedding of id 0, the final norm and the head.
double pad_pass(TrainingModel& model) {
  const std::vector<int32_t> ids{0}, labels{kRow1[0]};
  Stream& stream = model.stream();
  const Parameter &embeddings = *model.parameters().find("backbone.embeddings.weight"),
                  &norm_f = *model.parameters().find("backbone.norm_f.weight"),
                  &lm_head = *model.parameters().find("lm_head.weight");
  const DType dtype = model.accumulation_dtype();
  const double eps = model.config().rms_eps;
  const Place place = model.parameters().place();
  Tensor h(dtype, {1, kModel}, place), normalised(dtype, {1, kModel}, place), dh(dtype, {1, kModel}, place),
      nats(dtype, {1, 1}, place), lse(dtype, {1, 1}, place);
  embedding(stream, h.view(), embeddings.value, ids);
  rms_norm(stream, normalised.view(), h.view(), norm_f.value, eps);
  linear_cross_entropy(stream, {.nats = nats.view(),
                                .lse = lse.view(),
                                .dx = dh.view(),
                                .dweight = lm_head.gradient,
                                .x = normalised.view(),
                                .weight = lm_head.value,
                                .labels = labels,
                                .scale = 1.0 / kTargets});
  rms_norm_backward(stream, {.dx = dh.view(),
                             .dweight = norm_f.gradient,
                             .dy = dh.view(),
                             .x = h.view(),
                             .weight = norm_f.value,
                             .eps = eps});
  embedding_backward(stream, embeddings.gradient, dh.view(), ids);
  return sum_of(OnHost(nats.view(), model.stream()).view());
}

}  // namespace

void check_formula_gradients(DType dtype, const Backend& backend, Report& report) {
  const FormulaWeights fixture;
  TrainingModel model(fixture.weights(), backend, {.dtype = dtype, .max_rows = 12});
  const std::string prefix = "appendix A " + std::string(name(dtype)) + " ";
  const double bound = gradient_bound(dtype, kLayers);

  const double loss = (rows_pass(model) + pad_pass(model)) / kTargets;
  report.check(prefix + "training loss", std::abs(loss / kLoss - 1.0), forward_bound(dtype, kLayers));
  double worst_norm = 0.0, worst_projection = 0.0;
  for (size_t position = 0; position < std::size(kGradients); ++position) {
    const Parameter& parameter = model.parameters().all()[position];
    Tensor gradient(DType::f64, parameter.stored_shape);
    parameter.to_stored(gradient.view(), parameter.gradient, model.parameters().place());
    double squares = 0.0, projection = 0.0;
    int64_t i = 0;
    for (double value : to_array(gradient.view()).values) {
      squares += value * value;
      projection += value * formula(100 + static_cast<int64_t>(position), i++);
    }
    const auto& [expected_norm, expected_projection] = kGradients[position];
    worst_norm = std::max(worst_norm, std::abs(std::sqrt(squares) / expected_norm - 1.0));
    worst_projection = std::max(worst_projection, std::abs(projection - expected_projection) / expected_norm);
  }
  report.check(prefix + "gradients, norms", worst_norm, bound);
  report.check(prefix + "gradients, projections", worst_projection, bound);
}

}  // namespace saker::conformance
