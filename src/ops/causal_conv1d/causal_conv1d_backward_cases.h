// Cases of causal_conv1d_backward: one property varied at a time, then the shapes of real models.
#pragma once

#include <fmt/format.h>

#include <cmath>

#include "ops/causal_conv1d/causal_conv1d_backward.h"
#include "ops/op_case.h"

namespace saker {

struct CausalConv1dBackwardCase {
  int64_t k = 4, e = 48;
  std::vector<Segment> segments{{0, 9, 0}};
  int64_t slots = 2;
  bool bias = true, carried = true;
  int64_t row_stride = 0;  // of x; 8 less than that of dx
  double deviation = 1.0;
  DType type = DType::f32;  // of du, x and dx
  bool benchmark = false;

  int64_t rows() const { return rows_of(segments); }
};

class CausalConv1dBackwardProblem : public OpProblem {
 public:
  explicit CausalConv1dBackwardProblem(const CausalConv1dBackwardCase& c)
      : case_(c),
        du_(c.type, {c.rows(), c.e}, 1),
        x_(c.type, {c.rows(), c.e}, 2, 0.0, c.deviation, c.row_stride),
        weight_(DType::f32, {c.k, c.e}, 3, 0.0, 0.5),
        bias_(DType::f32, {c.e}, 4, 0.0, 0.2),
        state_(DType::f32, {c.slots, c.k - 1, c.e}, 5, 0.0, c.deviation),
        dstate_(DType::f32, {c.slots, c.k - 1, c.e}, 6),
        dx_(c.type, {c.rows(), c.e}, 7, 0.0, 1.0, c.row_stride ? c.row_stride + 8 : 0),
        dweight_(DType::f32, {c.k, c.e}, 8),
        dbias_(DType::f32, {c.e}, 9) {}

  void run(Stream& stream) override {
    causal_conv1d_backward(stream, {.dx = dx_.on(stream),
                                    .dweight = dweight_.on(stream),
                                    .dbias = case_.bias ? dbias_.on(stream) : TensorView(),
                                    .dstate = case_.carried ? dstate_.on(stream) : TensorView(),
                                    .du = du_.on(stream),
                                    .x = x_.on(stream),
                                    .weight = weight_.on(stream),
                                    .bias = case_.bias ? ConstTensorView(bias_.on(stream)) : ConstTensorView(),
                                    .state = state_.on(stream),
                                    .segments = case_.segments});
  }
  // The slope of SiLU is of the magnitude of 1; its argument, of k products of the inputs' magnitude, has their errors.
  std::vector<OpOutput> outputs() const override {
    const double k = static_cast<double>(case_.k) + 4.0, l = std::sqrt(static_cast<double>(case_.rows()) + 1.0);
    const double inputs = std::max(1.0, case_.deviation);
    return {{"dx", &dx_, 2.0 * inputs, k},
            {"dweight", &dweight_, 2.0 * inputs * inputs * l, k + l * l},
            {"dbias", &dbias_, 2.0 * inputs * l, k + l * l},
            {"dstate", &dstate_, 2.0 * inputs, k}};
  }

 private:
  CausalConv1dBackwardCase case_;
  CaseTensor du_, x_, weight_, bias_, state_, dstate_, dx_, dweight_, dbias_;
};

inline std::vector<OpCase> causal_conv1d_backward_cases() {
  std::vector<CausalConv1dBackwardCase> list;
  for (int64_t e : {1, 7, 15, 16, 17, 31, 33, 65, 100, 256, 300}) list.push_back({.e = e});
  for (int64_t k : {2, 3, 5, 8}) list.push_back({.k = k});
  for (int64_t l : {0, 1, 2, 3, 4, 20, 127, 128, 129, 131, 200, 300}) list.push_back({.segments = {{0, l, 1}}});
  list.push_back({.bias = false});
  list.push_back({.carried = false});
  list.push_back({.row_stride = 96});
  for (bool carried : {false, true})
    list.push_back(
        {.segments = {{0, 5, 3}, {5, 0, 2}, {5, 1, 0}, {6, 9, kNoSlot}, {15, 2, 1}}, .slots = 5, .carried = carried});
  list.push_back({.deviation = 20.0});
  const auto bf16 = [&](CausalConv1dBackwardCase c) {
    c.type = DType::bf16;
    list.push_back(c);
  };
  for (int64_t e : {1, 2, 31, 48, 300}) bf16({.e = e});
  for (int64_t k : {2, 3, 5, 8}) bf16({.k = k});
  for (int64_t l : {0, 1, 2, 3, 4, 7, 8, 9, 128, 129, 300}) bf16({.segments = {{0, l, 1}}});
  bf16({.bias = false});
  bf16({.segments = {{0, 140, 0}}, .carried = false});
  for (int64_t stride : {95, 96}) bf16({.row_stride = stride});
  for (bool carried : {false, true})
    bf16({.segments = {{0, 5, 3}, {5, 0, 2}, {5, 1, 0}, {6, 9, kNoSlot}, {15, 2, 1}}, .slots = 5, .carried = carried});
  for (DType type : {DType::f32, DType::bf16})
    for (int64_t e : {512, 1536, 4096, 8192})
      list.push_back({.e = e,
                      .segments = {{0, 1024, kNoSlot}, {1024, 1024, kNoSlot}},
                      .row_stride = 2 * e,
                      .type = type,
                      .benchmark = true});

  std::vector<OpCase> cases;
  for (const CausalConv1dBackwardCase& c : list) {
    const auto elements = static_cast<double>(c.rows() * c.e);
    cases.push_back({fmt::format("l={} e={} k={} {}{}{}{} deviation={}", text_of(c.segments), c.e, c.k, name(c.type),
                                 c.bias ? "" : " no bias", c.carried ? "" : " truncated",
                                 c.row_stride ? " strided" : "", c.deviation),
                     [c] { return std::make_unique<CausalConv1dBackwardProblem>(c); },
                     3.0 * static_cast<double>(size_of(c.type)) * elements,
                     elements * (6.0 * static_cast<double>(c.k) + 10.0), c.benchmark, c.type == DType::f32});
  }
  return cases;
}

}  // namespace saker
