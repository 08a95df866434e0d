// Cases of products with quantised weights, which are quantised where the product runs.
#pragma once

#include <fmt/format.h>

#include <cmath>

#include "ops/linear/linear.h"
#include "ops/op_case.h"
#include "ops/quantize/quantize.h"

namespace saker {

struct QuantizeCase {
  int64_t l = 2, o = 48, i = 256;
  DType quantized = DType::q8, stored = DType::bf16;
  bool bias = false, accumulate = false;
  // fp8: rows of x that rounding to fp8 leaves as they are; and weights far below the largest of their row.
  bool exact = false, small = false;
  // q8 and q4, up to 8 rows: rows of x whose groups are of one element and others far smaller, or zeros.
  bool wide = false;
  int64_t x_row_stride = 0;
  bool benchmark = false;
};

class QuantizeProblem : public OpProblem {
 public:
  explicit QuantizeProblem(const QuantizeCase& c)
      : case_(c),
        x_(DType::bf16, {c.l, c.i}, 1, 0.0, 1.0, c.x_row_stride),
        weight_(c.stored, {c.o, c.i}, 2),
        bias_(DType::f32, {c.o}, 3),
        codes_(DType::u8, {static_cast<int64_t>(quantized_bytes(c.quantized, c.o, c.i))}, 5),
        y_(DType::f32, {c.l, c.o}, 4) {
    if (c.exact) make_exact();
    if (c.small) make_small();
    if (c.wide) make_wide();
  }

  void run(Stream& stream) override {
    const TensorView q(codes_.on(stream).data, case_.quantized, {case_.o, case_.i});
    quantize(stream, q, weight_.on(stream));
    linear(stream, y_.on(stream), x_.on(stream), q, case_.bias ? ConstTensorView(bias_.on(stream)) : ConstTensorView(),
           case_.accumulate);
  }
  // Codes are the same everywhere. For y see docs/numerics.md.
  std::vector<OpOutput> outputs() const override {
    const auto terms = static_cast<double>(case_.i) + 2.0;
    double scale = 0.5 * epsilon(DType::bf16);
    if (case_.quantized == DType::fp8 && case_.l > kLinearFp8ExactRows)
      scale += kTensorCoreSpacing * std::sqrt(terms) + (case_.exact ? 0.0 : 0.5 * Float8::kEpsilon);
    if (case_.wide) scale = kFixedPointSpacing * kLargest;
    return {{"codes", &codes_, 0.0, 1.0}, {"y", &y_, scale / epsilon(DType::f32), terms}};
  }

 private:
  static constexpr double kTensorCoreSpacing = 0x1p-13;  // of sums of e4m3, over the largest that is added
  static constexpr double kFixedPointSpacing = 0x1p-15;  // half of it, of x on a GPU, over the largest of a group
  static constexpr double kLargest = 64.0;               // of rows that are wide

  // Each row 2^-8 times values of e4m3, the first of them the largest there is.
  void make_exact() {
    for (int64_t t = 0; t < case_.l; ++t)
      for (int64_t i = 0; i < case_.i; ++i) {
        const double value = i == 0 ? 1.75 : load_element(x_.view().data, DType::bf16, x_.view().offset(t, i));
        const Float8 rounded(static_cast<float>(value * 256.0));
        store_element(x_.view().data, DType::bf16, x_.view().offset(t, i), static_cast<float>(rounded) / 256.0);
      }
  }
  // The first weight of a row is 2^15, beside which e4m3 has few values for the others; what it multiplies is 0.
  void make_small() {
    for (int64_t o = 0; o < case_.o; ++o) store_element(weight_.view().data, case_.stored, o * case_.i, 0x1p15);
    for (int64_t t = 0; t < case_.l; ++t) store_element(x_.view().data, DType::bf16, x_.view().offset(t), 0.0);
  }

  // In each group of 128 one element is the largest, another place in every row. The second group is zeros, and so is
  // the third row.
  void make_wide() {
    for (int64_t t = 0; t < case_.l; ++t)
      for (int64_t i = 0; i < case_.i; ++i) {
        const int64_t group = i / kQuantizedGroup;
        if (group == 1 || t == 2)
          store_element(x_.view().data, DType::bf16, x_.view().offset(t, i), 0.0);
        else if (i % kQuantizedGroup == (group + 37 * t) % kQuantizedGroup)
          store_element(x_.view().data, DType::bf16, x_.view().offset(t, i), group % 2 == 0 ? kLargest : -kLargest);
      }
  }

  QuantizeCase case_;
  CaseTensor x_, weight_, bias_, codes_, y_;
};

inline std::vector<OpCase> quantize_cases() {
  std::vector<QuantizeCase> list;
  for (DType type : {DType::q8, DType::q4, DType::fp8}) {
    for (int64_t l : {1, 2, 8, 9, 40}) list.push_back({.l = l, .quantized = type});
    for (int64_t i : {128, 384, 512, 2048, 4096}) list.push_back({.i = i, .quantized = type});
    for (int64_t o : {8, 136, 288}) list.push_back({.o = o, .i = 2048, .quantized = type});
    for (DType stored : {DType::f32, DType::f16}) list.push_back({.quantized = type, .stored = stored});
    for (int64_t l : {2, 40}) list.push_back({.l = l, .i = 2048, .quantized = type, .bias = true, .accumulate = true});
  }

  for (int64_t l : {8, 9, 40, 64}) list.push_back({.l = l, .i = 1024, .quantized = DType::fp8, .exact = true});
  list.push_back({.l = 12, .i = 10240, .quantized = DType::fp8});  // more than a GPU's block holds
  for (int64_t i : {4096, 8192}) list.push_back({.l = 40, .i = i, .quantized = DType::fp8, .exact = true});
  for (int64_t o : {8, 16, 264, 512})
    list.push_back({.l = 33, .o = o, .quantized = DType::fp8, .accumulate = true, .exact = true});
  for (int64_t l : {8, 40}) {
    list.push_back({.l = l, .i = 1024, .quantized = DType::fp8, .small = true});
    list.push_back({.l = l, .i = 1024, .quantized = DType::fp8, .x_row_stride = 1032});
    list.push_back({.l = l, .i = 1024, .quantized = DType::fp8, .x_row_stride = 1025});
  }

  for (DType type : {DType::q8, DType::q4})
    for (int64_t l = 1; l <= 8; ++l) {
      list.push_back({.l = l, .i = 4096, .quantized = type});
      list.push_back({.l = l, .o = 136, .i = 2048, .quantized = type, .wide = true});
    }

  std::vector<OpCase> cases;
  for (const QuantizeCase& c : list)
    cases.push_back(
        {fmt::format("l={} o={} i={} {} of {}{}{}{}{}{}{}", c.l, c.o, c.i, name(c.quantized), name(c.stored),
                     c.bias ? " bias" : "", c.accumulate ? " accumulate" : "", c.exact ? " exact" : "",
                     c.small ? " small" : "", c.wide ? " wide" : "", c.x_row_stride ? " strided" : ""),
         [c] { return std::make_unique<QuantizeProblem>(c); },
         static_cast<double>(quantized_bytes(c.quantized, c.o, c.i)), 2.0 * static_cast<double>(c.l * c.o * c.i),
         c.benchmark});
  return cases;
}

}  // namespace saker
