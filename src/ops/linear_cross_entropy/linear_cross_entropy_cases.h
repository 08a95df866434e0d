// Cases of linear_cross_entropy: one property varied at a time, then the shapes of real models.
#pragma once

#include <fmt/format.h>

#include <cmath>

#include "ops/linear_cross_entropy/linear_cross_entropy.h"
#include "ops/op_case.h"

namespace saker {

struct LinearCrossEntropyCase {
  int64_t l = 7, d = 24, v = 61;
  DType type = DType::f32;
  bool gradients = true, first = false;
  double z_loss = 0.0, scale = 0.25;
  int64_t row_stride = 0;  // of x and dx
  int64_t unlabelled = 0;  // rows from the first on whose labels are ignored
  bool benchmark = false;
};

class LinearCrossEntropyProblem : public OpProblem {
 public:
  explicit LinearCrossEntropyProblem(const LinearCrossEntropyCase& c)
      : case_(c),
        x_(c.type, {c.l, c.d}, 1, 0.0, 1.0, c.row_stride),
        weight_(c.type, {c.v, c.d}, 2, 0.0, 1.0 / std::sqrt(static_cast<double>(c.d))),
        nats_(DType::f32, {c.l, 1}, 3),
        lse_(DType::f32, {c.l, 1}, 4),
        dx_(DType::f32, {c.l, c.d}, 5, 0.0, 1.0, c.row_stride),
        dweight_(DType::f32, {c.v, c.d}, 6) {
    for (int64_t t = 0; t < c.l; ++t)
      labels_.push_back(t < c.unlabelled || t % 5 == 3 ? kIgnoredLabel : static_cast<int32_t>(t * 17 % c.v));
  }

  void run(Stream& stream) override {
    linear_cross_entropy(stream, {.nats = nats_.on(stream),
                                  .lse = lse_.on(stream),
                                  .dx = case_.gradients ? dx_.on(stream) : TensorView(),
                                  .dweight = case_.gradients ? dweight_.on(stream) : TensorView(),
                                  .x = x_.on(stream),
                                  .weight = weight_.on(stream),
                                  .labels = labels_,
                                  .scale = case_.scale,
                                  .z_loss = case_.z_loss,
                                  .first = case_.first});
  }
  // Logits are sums of d products of magnitude 1 in all; a gradient of one is at most the scale, and with bf16 is
  // rounded to half a spacing, which a logit on the border may turn into a whole one.
  std::vector<OpOutput> outputs() const override {
    const auto d = static_cast<double>(case_.d) + 8.0, l = static_cast<double>(case_.l) + 2.0;
    const double above = case_.scale * (1.0 + 2.0 * case_.z_loss * 8.0);
    const double rounding = case_.type == DType::bf16 ? epsilon(DType::bf16) / epsilon(DType::f32) / 4.0 : 1.0;
    return {{"nats", &nats_, 8.0, d},
            {"lse", &lse_, 8.0, d},
            {"dx", &dx_, above * 2.0 * rounding, d},
            {"dweight", &dweight_, above * 4.0 * rounding, d + l}};
  }

 private:
  LinearCrossEntropyCase case_;
  CaseTensor x_, weight_, nats_, lse_, dx_, dweight_;
  std::vector<int32_t> labels_;
};

inline std::vector<OpCase> linear_cross_entropy_cases() {
  std::vector<LinearCrossEntropyCase> list;
  for (int64_t l : {0, 1, 2, 31, 32, 33, 255, 256, 257, 600}) list.push_back({.l = l});
  for (int64_t v : {1, 2, 15, 16, 17, 64, 300}) list.push_back({.v = v});
  for (int64_t d : {1, 17, 64}) list.push_back({.d = d});
  for (DType type : {DType::f32, DType::bf16}) {
    list.push_back({.l = 40, .type = type, .z_loss = 0.1});
    list.push_back({.l = 40, .type = type, .gradients = false});
    list.push_back({.l = 40, .type = type, .row_stride = 50});
  }
  for (int64_t l : {0, 7, 600})
    for (DType type : {DType::f32, DType::bf16}) list.push_back({.l = l, .type = type, .first = true});
  list.push_back({.type = DType::f16, .gradients = false});
  for (DType type : {DType::f32, DType::bf16})
    list.push_back({.l = 2048, .d = 256, .v = 8192, .type = type, .scale = 1.0 / 2048.0, .benchmark = true});

  std::vector<OpCase> cases;
  for (const LinearCrossEntropyCase& c : list) {
    const auto l = static_cast<double>(c.l), d = static_cast<double>(c.d), v = static_cast<double>(c.v);
    cases.push_back(
        {fmt::format("l={} d={} v={} {}{}{} z={}{}", c.l, c.d, c.v, name(c.type), c.gradients ? "" : " loss",
                     c.first ? " first" : "", c.z_loss, c.row_stride ? " strided" : ""),
         [c] { return std::make_unique<LinearCrossEntropyProblem>(c); },
         v * d * (static_cast<double>(size_of(c.type)) + 8.0), (c.gradients ? 6.0 : 2.0) * l * d * v, c.benchmark});
  }
  return cases;
}

}  // namespace saker
