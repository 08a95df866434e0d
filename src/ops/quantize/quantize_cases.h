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
  DType quantized = DType::q8;
  bool bias = false, accumulate = false;
  bool benchmark = false;
};

class QuantizeProblem : public OpProblem {
 public:
  explicit QuantizeProblem(const QuantizeCase& c)
      : case_(c),
        x_(DType::bf16, {c.l, c.i}, 1),
        weight_(DType::bf16, {c.o, c.i}, 2),
        bias_(DType::f32, {c.o}, 3),
        codes_(DType::u8, {static_cast<int64_t>(quantized_bytes(c.quantized, c.o, c.i))}, 5),
        y_(DType::f32, {c.l, c.o}, 4) {}

  void run(Stream& stream) override {
    const TensorView q(codes_.on(stream).data, case_.quantized, {case_.o, case_.i});
    quantize(stream, q, weight_.on(stream));
    linear(stream, y_.on(stream), x_.on(stream), q, case_.bias ? ConstTensorView(bias_.on(stream)) : ConstTensorView(),
           case_.accumulate);
  }
  // Codes are the same everywhere. A backend may round code times scale to bf16 once more: half a spacing of each of i
  // products, random walk, times four.
  std::vector<OpOutput> outputs() const override {
    const auto terms = static_cast<double>(case_.i) + 2.0;
    return {{"codes", &codes_, 0.0, 1.0}, {"y", &y_, 0.5 * epsilon(DType::bf16) / epsilon(DType::f32), terms}};
  }

 private:
  QuantizeCase case_;
  CaseTensor x_, weight_, bias_, codes_, y_;
};

inline std::vector<OpCase> quantize_cases() {
  std::vector<QuantizeCase> list;
  for (DType type : {DType::q8, DType::q4}) {
    for (int64_t l : {1, 2, 8, 9, 40}) list.push_back({.l = l, .quantized = type});
    for (int64_t i : {128, 384, 512, 2048, 4096}) list.push_back({.i = i, .quantized = type});
    for (int64_t o : {8, 136, 288}) list.push_back({.o = o, .i = 2048, .quantized = type});
    for (int64_t l : {2, 40}) list.push_back({.l = l, .i = 2048, .quantized = type, .bias = true, .accumulate = true});
  }

  std::vector<OpCase> cases;
  for (const QuantizeCase& c : list)
    cases.push_back({fmt::format("l={} o={} i={} {}{}{}", c.l, c.o, c.i, name(c.quantized), c.bias ? " bias" : "",
                                 c.accumulate ? " accumulate" : ""),
                     [c] { return std::make_unique<QuantizeProblem>(c); },
                     static_cast<double>(quantized_bytes(c.quantized, c.o, c.i)),
                     2.0 * static_cast<double>(c.l * c.o * c.i), c.benchmark});
  return cases;
}

}  // namespace saker
