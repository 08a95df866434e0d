// Cases of negative_exp.
#pragma once

#include <fmt/format.h>

#include "ops/negative_exp/negative_exp.h"
#include "ops/op_case.h"

namespace saker {

class NegativeExpProblem : public OpProblem {
 public:
  explicit NegativeExpProblem(int64_t elements) : x_(DType::f32, {elements}, 1), y_(DType::f32, {elements}, 2) {}

  void run(Stream& stream) override { negative_exp(stream, y_.on(stream), x_.on(stream)); }
  // Two exponentials of f64, whose last bits may differ, rounded to f32: neighbours at most.
  std::vector<OpOutput> outputs() const override { return {{"y", &y_, 0.0}}; }

 private:
  CaseTensor x_, y_;
};

inline std::vector<OpCase> negative_exp_cases() {
  std::vector<OpCase> cases;
  for (int64_t elements : {0, 1, 255, 257, 5000, 1 << 20})
    cases.push_back({fmt::format("{} elements", elements),
                     [elements] { return std::make_unique<NegativeExpProblem>(elements); },
                     8.0 * static_cast<double>(elements), 0.0, elements == 1 << 20});
  return cases;
}

}  // namespace saker
