// Every gradient of the training pass against differences of the loss, in f64: docs/numerics.md, "Gradients".

#include <gtest/gtest.h>

#include "invariant/training_problem.h"

namespace saker {
namespace {

struct GradientCase {
  std::string name;
  ModelConfig config;
  PassBatch batch;
};

ModelConfig small_config() {
  ModelConfig config;
  config.vocab_size = 11;
  config.d_model = 6;
  config.n_layer = 2;
  config.d_inner = 10;
  config.d_state = 3;
  config.dt_rank = 2;
  config.tied_embeddings = false;
  return config;
}

// One property varied at a time, then all together.
std::vector<GradientCase> gradient_cases() {
  std::vector<GradientCase> cases;
  const ModelConfig base = small_config();
  const auto add = [&](std::string name, const ModelConfig& config, PassBatch batch) {
    cases.push_back({std::move(name), config, std::move(batch)});
  };
  const auto varied = [&](const auto& change) {
    ModelConfig config = base;
    change(config);
    return config;
  };
  const auto with = [&](PassBatch batch, const auto& change) {
    change(batch);
    return batch;
  };
  const PassBatch one = make_batch(base, {9});
  add("untied", base, one);
  add("tied", varied([](ModelConfig& c) { c.tied_embeddings = true; }), one);
  add("biases", varied([](ModelConfig& c) { c.use_bias = true; }), one);
  add("no_conv_bias", varied([](ModelConfig& c) { c.use_conv_bias = false; }), one);
  add("k2", varied([](ModelConfig& c) { c.d_conv = 2; }), one);
  add("mamba", varied([](ModelConfig& c) { c.variant = Variant::mamba; }), one);
  add("unequal_rows", base, make_batch(base, {7, 1, 3, 2}));
  add("z_loss", base, with(one, [](PassBatch& b) { b.loss = {0.37, 0.05}; }));
  add("carried_truncated", base, make_batch(base, {5, 2}, {1, 0}));
  add("carried", base, with(make_batch(base, {5, 2}, {1, 0}), [](PassBatch& b) { b.carries_gradients = true; }));
  add("carried_and_packed", base,
      with(make_batch(base, {4, 1, 3, 2}, {2, kNoSlot, 0, kNoSlot}), [](PassBatch& b) { b.carries_gradients = true; }));
  add("all_of_it", varied([](ModelConfig& c) {
        c.variant = Variant::mamba;
        c.tied_embeddings = c.use_bias = true;
        c.use_conv_bias = false;
        c.d_conv = 3;
      }),
      with(make_batch(base, {4, 1, 3, 2}, {2, kNoSlot, 0, kNoSlot}), [](PassBatch& b) {
        b.carries_gradients = true;
        b.loss = {0.2, 0.01};
      }));
  return cases;
}

double dot(ConstTensorView a, ConstTensorView b) {
  double sum = 0.0;
  for (int64_t i = 0; i < a.shape.elements(); ++i)
    sum += load_element(a.data, a.dtype, i) * load_element(b.data, b.dtype, i);
  return sum;
}

// A model, a batch and the states before it: the loss as a function of all of them.
class Differences {
 public:
  Differences(const GradientCase& c, Recompute recompute)
      : batch_(c.batch),
        model_(lively_weights(c.config, DType::f64), open_backend(BackendKind::reference, 1),
               {.dtype = DType::f64, .recompute = recompute, .max_rows = batch_.rows(), .max_slots = batch_.slots}),
        before_(random_states(c.config, batch_.slots, DType::f64, 21, 0.5)),
        after_(c.config, batch_.slots, DType::f64),
        dafter_(random_states(c.config, batch_.slots, DType::f64, 31, 0.1)) {}

  void expect_gradients() {
    const Outputs got = run_pass(model_, batch_);
    for (const Parameter& parameter : model_.parameters().all())
      expect(parameter.name, got.at(parameter.name), parameter.value);
    if (!batch_.carries_gradients) return;
    expect("dstate.conv", got.at("dstate.conv"), before_.view().conv);
    expect("dstate.ssm", got.at("dstate.ssm"), before_.view().ssm);
  }

 private:
  // From the logits, so that nothing of the pass's own loss is taken on trust.
  double loss() {
    for (int64_t slot = 0; slot < batch_.slots; ++slot) {
      RecurrentState copy(model_.config(), DType::f64);
      copy.take(before_, slot);
      copy.put(after_, slot);
    }
    model_.refresh();
    Tensor nats(DType::f64, {batch_.rows()}), logits(DType::f64, {batch_.rows(), model_.config().vocab_size});
    model_.evaluate(batch_.ids, batch_.labels, batch_.segments, after_.view(), nats.view());
    model_.head(logits.view(), model_.hidden());
    double sum = 0.0;
    for (int64_t t = 0; t < batch_.rows(); ++t)
      sum += row_loss(logits.view().index(t), batch_.labels[static_cast<size_t>(t)]);
    sum *= batch_.loss.scale;
    if (!batch_.carries_gradients) return sum;
    return sum + dot(after_.view().conv, dafter_.view().conv) + dot(after_.view().ssm, dafter_.view().ssm);
  }

  double row_loss(ConstTensorView logits, int32_t label) const {
    if (label == kIgnoredLabel) return 0.0;
    double total = 0.0;
    for (double logit : values_of(logits)) total += std::exp(logit);
    const double lse = std::log(total);
    return lse - logits.as<double>()[label] + batch_.loss.z_loss * lse * lse;
  }

  // Differences of fourth order: of the loss at four places beside each element.
  void expect(const std::string& name, const std::vector<double>& gradient, TensorView variable) {
    constexpr double kStep = 1.0 / 1024.0;
    double* x = variable.as<double>();
    std::vector<double> expected;
    for (size_t i = 0; i < gradient.size(); ++i) {
      const double middle = x[i];
      const auto at = [&](double steps) {
        x[i] = middle + steps * kStep;
        return loss();
      };
      expected.push_back((8.0 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12.0 * kStep));
      x[i] = middle;
    }
    EXPECT_GT(largest(expected), 0.0) << name;
    EXPECT_LE(conformance::relative_error(gradient, expected), 1e-7) << name;
    worst_ = std::max(worst_, conformance::relative_error(gradient, expected));
    testing::Test::RecordProperty("worst", fmt::format("{:.1e}", worst_));
  }

  PassBatch batch_;
  TrainingModel model_;
  StatePool before_, after_, dafter_;
  double worst_ = 0.0;
};

class Gradients : public testing::TestWithParam<GradientCase> {};

TEST_P(Gradients, AreTheDifferencesOfTheLoss) {
  Differences(GetParam(), Recompute::none).expect_gradients();
}

INSTANTIATE_TEST_SUITE_P(Cases, Gradients, testing::ValuesIn(gradient_cases()),
                         [](const auto& c) { return c.param.name; });

}  // namespace
}  // namespace saker
