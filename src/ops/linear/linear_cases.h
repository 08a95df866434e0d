// Cases of linear: one property varied at a time, then the shapes of real models.
#pragma once

#include <fmt/format.h>

#include <cmath>

#include "ops/linear/linear.h"
#include "ops/op_case.h"

namespace saker {

struct LinearCase {
  int64_t l = 3, o = 29, i = 48;
  DType type = DType::f32;
  bool bias = false, accumulate = false, addend = false;
  int64_t x_row_stride = 0, y_row_stride = 0, addend_row_stride = 0;
  DType result = DType::f32;
  bool benchmark = false;
};

class LinearProblem : public OpProblem {
 public:
  explicit LinearProblem(const LinearCase& c)
      : case_(c),
        x_(c.type, {c.l, c.i}, 1, 0.0, 1.0, c.x_row_stride),
        weight_(c.type, {c.o, c.i}, 2),
        bias_(DType::f32, {c.o}, 3),
        y_(c.result, {c.l, c.o}, 4, 0.0, 1.0, c.y_row_stride),
        addend_(DType::f32, {c.l, c.o}, 5, 0.0, 1.0, c.addend_row_stride) {}

  void run(Stream& stream) override {
    const ConstTensorView bias = case_.bias ? ConstTensorView(bias_.on(stream)) : ConstTensorView();
    if (case_.addend)
      linear_onto(stream, y_.on(stream), addend_.on(stream), x_.on(stream), weight_.on(stream), bias);
    else
      linear(stream, y_.on(stream), x_.on(stream), weight_.on(stream), bias, case_.accumulate);
  }
  // Partial sums of i products of unit variance are of magnitude sqrt(i).
  std::vector<OpOutput> outputs() const override {
    const auto terms = static_cast<double>(case_.i) + 2.0;
    return {{"y", &y_, std::sqrt(terms), terms}};
  }

 private:
  LinearCase case_;
  CaseTensor x_, weight_, bias_, y_, addend_;
};

inline std::vector<OpCase> linear_cases() {
  std::vector<LinearCase> list;
  for (int64_t l : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40}) list.push_back({.l = l});
  for (DType type : {DType::bf16, DType::f16})
    for (int64_t l : {1, 2, 8, 9, 32, 33}) list.push_back({.l = l, .i = 70, .type = type});
  for (int64_t i : {1, 2, 7, 15, 16, 17, 33, 63, 64, 65, 200}) list.push_back({.i = i});
  for (int64_t i : {1, 17, 65}) list.push_back({.i = i, .type = DType::bf16});
  for (int64_t o : {1, 2, 3, 7, 8, 24, 25, 100}) list.push_back({.l = 2, .o = o});
  for (int64_t l : {2, 40})
    for (DType type : {DType::f32, DType::bf16, DType::f16}) {
      list.push_back({.l = l, .type = type, .bias = true});
      list.push_back({.l = l, .type = type, .accumulate = true});
      list.push_back({.l = l, .type = type, .bias = true, .accumulate = true, .x_row_stride = 96, .y_row_stride = 41});
    }
  for (DType type : {DType::f32, DType::bf16})
    for (int64_t l : {2, 40}) {
      list.push_back({.l = l, .type = type, .addend = true});
      list.push_back({.l = l, .o = 64, .i = 512, .type = type, .addend = true});
      for (bool bias : {false, true})
        list.push_back({.l = l,
                        .type = type,
                        .bias = bias,
                        .addend = true,
                        .x_row_stride = 96,
                        .y_row_stride = 41,
                        .addend_row_stride = bias ? 41 : 50});
    }
  // Several chunks of columns and blocks of outputs, none of them whole.
  for (DType type : {DType::f32, DType::bf16, DType::f16})
    for (int64_t l : {1, 8, 11}) list.push_back({.l = l, .o = 67, .i = 2105, .type = type});
  // Whole units of a GPU's kernel for few rows.
  for (DType type : {DType::bf16, DType::f16})
    for (int64_t l : {1, 3, 8, 9}) list.push_back({.l = l, .o = 67, .i = 1024, .type = type});
  list.push_back({.l = 2,
                  .o = 33,
                  .i = 512,
                  .type = DType::bf16,
                  .bias = true,
                  .accumulate = true,
                  .x_row_stride = 520,
                  .y_row_stride = 41});
  list.push_back({.l = 8, .o = 16400, .i = 512, .type = DType::bf16, .bias = true});
  // Rounded results, of every kernel: few rows, many, shapes and alignments of no library.
  for (DType type : {DType::bf16, DType::f16}) {
    for (int64_t l : {1, 3, 8, 9, 40})
      for (int64_t i : {48, 70, 1024}) list.push_back({.l = l, .o = 67, .i = i, .type = type, .result = type});
    list.push_back({.l = 2, .o = 16400, .i = 512, .type = type, .result = type});
    for (int64_t l : {2, 40})
      list.push_back(
          {.l = l, .o = 33, .i = 512, .type = type, .x_row_stride = 520, .y_row_stride = 41, .result = type});
    list.push_back({.l = 300, .o = 1024, .i = 256, .type = type, .result = type});
  }
  // Several blocks of widened weight rows.
  list.push_back({.l = 34, .o = 700, .i = 2100, .type = DType::f16, .bias = true});
  // in_proj, x_proj, dt_proj and out_proj of models with 768 and 2048 channels.
  for (auto [o, i] : {std::pair<int64_t, int64_t>{3072, 768},
                      {80, 1536},
                      {1536, 48},
                      {768, 1536},
                      {8192, 2048},
                      {160, 4096},
                      {4096, 128},
                      {2048, 4096}})
    for (int64_t l : {1, 8, 512}) list.push_back({.l = l, .o = o, .i = i, .type = DType::bf16, .benchmark = true});
  list.push_back({.l = 1, .o = 65024, .i = 768, .type = DType::bf16, .benchmark = true});
  for (auto [o, i] : {std::pair<int64_t, int64_t>{16384, 4096}, {8192, 256}})
    for (int64_t l : {64, 2048})
      list.push_back({.l = l, .o = o, .i = i, .type = DType::bf16, .result = DType::bf16, .benchmark = true});

  std::vector<OpCase> cases;
  for (const LinearCase& c : list) {
    const auto l = static_cast<double>(c.l), o = static_cast<double>(c.o), i = static_cast<double>(c.i);
    const auto size = static_cast<double>(size_of(c.type));
    cases.push_back({fmt::format("l={} o={} i={} {}{}{}{}{}", c.l, c.o, c.i, name(c.type),
                                 c.result == DType::f32 ? "" : " rounded", c.bias ? " bias" : "",
                                 c.accumulate ? " accumulate"
                                 : c.addend   ? " addend"
                                              : "",
                                 c.x_row_stride ? " strided" : ""),
                     [c] { return std::make_unique<LinearProblem>(c); },
                     (o * i + l * i) * size + static_cast<double>(size_of(c.result)) * l * o, 2.0 * l * o * i,
                     c.benchmark, c.result == DType::f32});
  }
  return cases;
}

}  // namespace saker
