// Cases of rms_norm_backward: one property varied at a time, then the shapes of real models.
#pragma once

#include <fmt/format.h>

#include <cmath>

#include "ops/op_case.h"
#include "ops/rms_norm/rms_norm_backward.h"

namespace saker {

struct RmsNormBackwardCase {
  int64_t rows = 5, columns = 48;
  bool weighted = true, accumulate = false;
  int64_t row_stride = 0;  // of x, dy and dx; 8 less than that of rounded
  double deviation = 1.0;
  DType dy_type = DType::f32;
  bool rounded = false;
  bool benchmark = false;
};

class RmsNormBackwardProblem : public OpProblem {
 public:
  explicit RmsNormBackwardProblem(const RmsNormBackwardCase& c)
      : case_(c),
        x_(DType::f32, {c.rows, c.columns}, 1, 0.1 * c.deviation, c.deviation, c.row_stride),
        dy_(c.dy_type, {c.rows, c.columns}, 2, 0.0, 1.0, c.row_stride),
        weight_(DType::f32, {c.columns}, 3, 1.0, 0.2),
        dx_(DType::f32, {c.rows, c.columns}, 4, 0.0, 1.0, c.row_stride),
        rounded_(DType::bf16, {c.rows, c.columns}, 6, 0.0, 1.0, c.row_stride ? c.row_stride + 8 : 0),
        dweight_(DType::f32, {c.columns}, 5) {}

  void run(Stream& stream) override {
    rms_norm_backward(stream, {.dx = dx_.on(stream),
                               .rounded = case_.rounded ? rounded_.on(stream) : TensorView(),
                               .dweight = case_.weighted ? dweight_.on(stream) : TensorView(),
                               .dy = dy_.on(stream),
                               .x = x_.on(stream),
                               .weight = case_.weighted ? ConstTensorView(weight_.on(stream)) : ConstTensorView(),
                               .eps = 1e-5,
                               .accumulate = case_.accumulate});
  }
  // Gradients are those of the output over the magnitude of the row, but at most over the root of eps.
  std::vector<OpOutput> outputs() const override {
    const double rows = std::sqrt(static_cast<double>(case_.rows) + 1.0);
    const double factor = 1.0 / std::max(std::sqrt(1e-5), 0.3 * case_.deviation);
    const double scale = 4.0 * std::max(factor, case_.accumulate ? 1.0 : 0.0);
    return {
        {"dx", &dx_, scale, 4.0}, {"rounded", &rounded_, scale, 4.0}, {"dweight", &dweight_, 4.0 * rows, rows * rows}};
  }

 private:
  RmsNormBackwardCase case_;
  CaseTensor x_, dy_, weight_, dx_, rounded_, dweight_;
};

inline std::vector<OpCase> rms_norm_backward_cases() {
  std::vector<RmsNormBackwardCase> list;
  for (int64_t columns : {1, 2, 7, 8, 15, 16, 17, 31, 33, 64, 65, 130}) list.push_back({.columns = columns});
  for (int64_t rows : {0, 1, 2, 17, 200}) list.push_back({.rows = rows});
  list.push_back({.accumulate = true});
  for (int64_t rows : {5, 70}) list.push_back({.rows = rows, .columns = 16, .weighted = false, .row_stride = 80});
  list.push_back({.weighted = false, .accumulate = true, .row_stride = 51});
  for (double deviation : {0.0, 1e-6, 1e6}) list.push_back({.deviation = deviation});
  for (bool rounded : {false, true}) {
    const auto bf16 = [&](RmsNormBackwardCase c) {
      c.dy_type = DType::bf16, c.rounded = rounded;
      list.push_back(c);
    };
    for (int64_t columns : {1, 7, 16, 33, 64, 130, 600}) bf16({.columns = columns, .accumulate = true});
    for (int64_t rows : {0, 1, 200}) bf16({.rows = rows});
    bf16({.weighted = false});
    bf16({.columns = 16, .weighted = false, .row_stride = 80});
    bf16({.accumulate = true, .row_stride = 51});
  }
  list.push_back({.rounded = true});
  list.push_back({.columns = 46, .accumulate = true, .rounded = true});
  for (bool rounded : {false, true})
    for (int64_t columns : {256, 768, 2048})
      list.push_back({.rows = 2048,
                      .columns = columns,
                      .accumulate = true,
                      .dy_type = rounded ? DType::bf16 : DType::f32,
                      .rounded = rounded,
                      .benchmark = true});

  std::vector<OpCase> cases;
  for (const RmsNormBackwardCase& c : list) {
    const double elements = static_cast<double>(c.rows * c.columns);
    cases.push_back(
        {fmt::format("l={} c={} dy={}{}{}{}{} deviation={}", c.rows, c.columns, name(c.dy_type),
                     c.rounded ? " rounded" : "", c.weighted ? "" : " weightless", c.accumulate ? " accumulate" : "",
                     c.row_stride ? " strided" : "", c.deviation),
         [c] { return std::make_unique<RmsNormBackwardProblem>(c); },
         (8.0 + static_cast<double>(size_of(c.dy_type)) + (c.accumulate ? 4.0 : 0.0) + (c.rounded ? 2.0 : 0.0)) *
             elements,
         10.0 * elements, c.benchmark, c.dy_type == DType::f32 && !c.rounded});
  }
  return cases;
}

}  // namespace saker
