// Cases of causal_conv1d: one property varied at a time, then the shapes of real models.
#pragma once

#include <fmt/format.h>

#include "ops/causal_conv1d/causal_conv1d.h"
#include "ops/op_case.h"

namespace saker {

struct CausalConv1dCase {
  int64_t k = 4, e = 48;
  std::vector<Segment> segments{{0, 7, 0}};
  int64_t slots = 2;
  DType type = DType::f32;
  bool bias = true;
  int64_t x_row_stride = 0;
  double deviation = 1.0;
  DType x_type = DType::f32;
  bool benchmark = false;

  int64_t rows() const { return rows_of(segments); }
};

class CausalConv1dProblem : public OpProblem {
 public:
  explicit CausalConv1dProblem(const CausalConv1dCase& c)
      : case_(c),
        x_(c.x_type, {c.rows(), c.e}, 1, 0.0, c.deviation, c.x_row_stride),
        weight_(DType::f32, {c.k, c.e}, 2, 0.0, 0.5),
        bias_(DType::f32, {c.e}, 3, 0.0, 0.2),
        state_(DType::f32, {c.slots, c.k - 1, c.e}, 4),
        u_(c.type, {c.rows(), c.e}, 5) {}

  void run(Stream& stream) override {
    causal_conv1d(stream, u_.on(stream), state_.on(stream), x_.on(stream), weight_.on(stream),
                  case_.bias ? ConstTensorView(bias_.on(stream)) : ConstTensorView(), case_.segments);
  }
  std::vector<OpOutput> outputs() const override {
    return {{"u", &u_, 2.0 * case_.deviation, static_cast<double>(case_.k) + 4.0}, {"state", &state_, 0.0}};
  }

 private:
  CausalConv1dCase case_;
  CaseTensor x_, weight_, bias_, state_, u_;
};

inline std::vector<OpCase> causal_conv1d_cases() {
  std::vector<CausalConv1dCase> list;
  for (int64_t e : {1, 7, 15, 16, 17, 31, 32, 33, 65, 100}) list.push_back({.e = e});
  for (int64_t k : {2, 3, 5, 8}) list.push_back({.k = k});
  for (int64_t l : {0, 1, 2, 3, 4, 20}) list.push_back({.segments = {{0, l, 1}}});
  for (DType type : {DType::bf16, DType::f16}) list.push_back({.e = 37, .type = type});
  for (DType type : {DType::bf16, DType::f16}) list.push_back({.e = 36, .type = type});
  // Strips of several rows of a GPU's kernel, with borders of segments within them.
  list.push_back({.e = 8,
                  .segments = {{0, 1000, 3}, {1000, 17, 0}, {1017, 0, 2}, {1017, 1100, kNoSlot}, {2117, 2, 1}},
                  .slots = 4});
  list.push_back({.bias = false});
  list.push_back({.x_row_stride = 96});
  list.push_back({.segments = {{0, 5, 3}, {5, 0, 2}, {5, 1, 0}, {6, 9, kNoSlot}, {17, 2, 1}}, .slots = 5});
  list.push_back({.deviation = 50.0});
  // x rounded as u: whole vectors and not, one strip of rows and several.
  for (DType type : {DType::bf16, DType::f16}) {
    for (int64_t e : {37, 48, 520}) list.push_back({.e = e, .type = type, .x_type = type});
    list.push_back({.k = 3, .type = type, .x_type = type});
    list.push_back({.segments = {{0, 5, 3}, {5, 0, 2}, {5, 1, 0}, {6, 9, kNoSlot}, {17, 2, 1}},
                    .slots = 5,
                    .type = type,
                    .x_row_stride = 96,
                    .x_type = type});
    list.push_back({.e = 64,
                    .segments = {{0, 2000, 3}, {2000, 0, 2}, {2000, 1, 0}, {2001, 62, kNoSlot}, {2063, 100, 1}},
                    .slots = 5,
                    .type = type,
                    .x_row_stride = 128,
                    .x_type = type});
  }
  for (int64_t e : {1536, 4096})
    list.push_back({.e = e, .segments = {{0, 512, 0}}, .type = DType::bf16, .x_row_stride = 2 * e, .benchmark = true});

  std::vector<OpCase> cases;
  for (const CausalConv1dCase& c : list) {
    const auto elements = static_cast<double>(c.rows() * c.e);
    cases.push_back({fmt::format("l={} e={} k={} {}{}{}{} deviation={}", text_of(c.segments), c.e, c.k, name(c.type),
                                 c.x_type == DType::f32 ? "" : " rounded x", c.bias ? "" : " no bias",
                                 c.x_row_stride ? " strided" : "", c.deviation),
                     [c] { return std::make_unique<CausalConv1dProblem>(c); },
                     elements * static_cast<double>(size_of(c.x_type) + size_of(c.type)),
                     elements * (2.0 * static_cast<double>(c.k) + 4.0), c.benchmark, c.x_type == DType::f32});
  }
  return cases;
}

}  // namespace saker
