// Cases of linear_backward: one property varied at a time, then the shapes of real models.
#pragma once

#include <fmt/format.h>

#include <cmath>

#include "ops/linear/linear_backward.h"
#include "ops/op_case.h"

namespace saker {

struct LinearBackwardCase {
  int64_t l = 9, o = 29, i = 48;
  DType type = DType::f32;
  bool bias = false, accumulate = false, first = false, to_x = true, to_weight = true;
  int64_t x_row_stride = 0, dy_row_stride = 0, dx_row_stride = 0;
  DType dy_type = DType::f32, dx_type = DType::f32;
  bool benchmark = false;

  bool on_cpu() const { return dy_type == DType::f32 && (dx_type == DType::f32 || !to_x); }
};

class LinearBackwardProblem : public OpProblem {
 public:
  explicit LinearBackwardProblem(const LinearBackwardCase& c)
      : case_(c),
        x_(c.type, {c.l, c.i}, 1, 0.0, 1.0, c.x_row_stride),
        weight_(c.type, {c.o, c.i}, 2),
        dy_(c.dy_type, {c.l, c.o}, 3, 0.0, 1.0, c.dy_row_stride),
        dx_(c.dx_type, {c.l, c.i}, 4, 0.0, 1.0, c.dx_row_stride),
        dweight_(DType::f32, {c.o, c.i}, 5),
        dbias_(DType::f32, {c.o}, 6) {}

  void run(Stream& stream) override {
    linear_backward(stream, {.dx = case_.to_x ? dx_.on(stream) : TensorView(),
                             .dweight = case_.to_weight ? dweight_.on(stream) : TensorView(),
                             .dbias = case_.bias ? dbias_.on(stream) : TensorView(),
                             .dy = dy_.on(stream),
                             .x = x_.on(stream),
                             .weight = weight_.on(stream),
                             .accumulate = case_.accumulate,
                             .first = case_.first});
  }
  // Partial sums of products of unit variance are of the square root of their number.
  std::vector<OpOutput> outputs() const override {
    const auto o = static_cast<double>(case_.o) + 2.0, l = static_cast<double>(case_.l) + 2.0;
    return {
        {"dx", &dx_, std::sqrt(o), o}, {"dweight", &dweight_, std::sqrt(l), l}, {"dbias", &dbias_, std::sqrt(l), l}};
  }

 private:
  LinearBackwardCase case_;
  CaseTensor x_, weight_, dy_, dx_, dweight_, dbias_;
};

inline std::vector<OpCase> linear_backward_cases() {
  std::vector<LinearBackwardCase> list;
  for (int64_t l : {0, 1, 2, 3, 4, 5, 15, 16, 17, 33, 63, 64, 65, 130, 300}) list.push_back({.l = l});
  for (int64_t l : {0, 1, 300}) list.push_back({.l = l, .first = true});
  for (int64_t o : {1, 2, 3, 16, 63, 64, 65, 150}) list.push_back({.o = o});
  for (int64_t i : {1, 2, 7, 16, 17, 130, 300}) list.push_back({.i = i});
  for (DType type : {DType::f32, DType::bf16}) {
    for (int64_t l : {1, 6, 67, 300}) list.push_back({.l = l, .o = 70, .i = 19, .type = type, .bias = true});
    list.push_back({.type = type, .accumulate = true});
    list.push_back({.type = type, .to_x = false});
    list.push_back({.type = type, .bias = true, .first = true});
    list.push_back({.type = type, .first = true, .to_x = false});
    list.push_back({.type = type, .bias = true, .to_weight = false});
    list.push_back({.type = type, .x_row_stride = 64, .dy_row_stride = 37, .dx_row_stride = 50});
    list.push_back({.l = 70, .o = 90, .type = type, .x_row_stride = 96, .dy_row_stride = 97, .dx_row_stride = 51});
    list.push_back({.l = 40, .o = 1100, .i = 20, .type = type});
  }
  for (const auto& [dy, dx] :
       {std::pair(DType::bf16, DType::bf16), {DType::bf16, DType::f32}, {DType::f32, DType::bf16}}) {
    const auto add = [&](LinearBackwardCase c) {
      c.type = DType::bf16, c.dy_type = dy, c.dx_type = dx;
      list.push_back(c);
    };
    for (int64_t l : {1, 6, 67, 300}) add({.l = l, .o = 70, .i = 19, .bias = true});
    add({.o = 32, .i = 64, .bias = true, .accumulate = true});
    add({.accumulate = true});
    add({.l = 300, .o = 80, .i = 256, .accumulate = true});
    add({.to_x = false});
    add({.l = 300, .o = 70, .i = 19, .first = true});
    add({.bias = true, .to_weight = false});
    add({.l = 70, .o = 90, .bias = true, .x_row_stride = 96, .dy_row_stride = 97, .dx_row_stride = 51});
  }
  // in_proj, x_proj, dt_proj and out_proj of models with 256, 768 and 2048 channels.
  for (auto [o, i] : {std::pair<int64_t, int64_t>{1024, 256},
                      {48, 512},
                      {512, 16},
                      {256, 512},
                      {3072, 768},
                      {80, 1536},
                      {768, 1536},
                      {8192, 2048},
                      {2048, 4096}})
    for (const auto& [type, gradients] :
         {std::pair(DType::f32, DType::f32), {DType::bf16, DType::f32}, {DType::bf16, DType::bf16}})
      list.push_back(
          {.l = 2048, .o = o, .i = i, .type = type, .dy_type = gradients, .dx_type = gradients, .benchmark = true});

  std::vector<OpCase> cases;
  for (const LinearBackwardCase& c : list) {
    const auto l = static_cast<double>(c.l), o = static_cast<double>(c.o), i = static_cast<double>(c.i);
    const auto size = [](DType type) { return static_cast<double>(size_of(type)); };
    cases.push_back(
        {fmt::format("l={} o={} i={} {} dy={} dx={}{}{}{}{}{}{}", c.l, c.o, c.i, name(c.type), name(c.dy_type),
                     name(c.dx_type), c.bias ? " bias" : "", c.accumulate ? " accumulate" : "", c.first ? " first" : "",
                     c.to_x ? "" : " no-dx", c.to_weight ? "" : " no-dweight", c.x_row_stride ? " strided" : ""),
         [c] { return std::make_unique<LinearBackwardProblem>(c); },
         (o * i + l * i) * size(c.type) + l * o * size(c.dy_type) + l * i * size(c.dx_type) +
             (c.first ? 4.0 : 8.0) * o * i,
         2.0 * l * o * i * ((c.to_x ? 1.0 : 0.0) + (c.to_weight ? 1.0 : 0.0)), c.benchmark, c.on_cpu()});
  }
  return cases;
}

}  // namespace saker
