// Cases of sum_of_squares.
#pragma once

#include <fmt/format.h>

#include "ops/op_case.h"
#include "ops/sum_of_squares/sum_of_squares.h"

namespace saker {

class SumOfSquaresProblem : public OpProblem {
 public:
  explicit SumOfSquaresProblem(int64_t elements) : sum_(DType::f64, {1}, 1), x_(DType::f32, {elements}, 2) {}

  void run(Stream& stream) override { sum_of_squares(stream, sum_.on(stream), x_.on(stream)); }
  // Partial sums of the magnitude of the number of elements, rounded in f64: the rule counts in spacings of f32.
  std::vector<OpOutput> outputs() const override {
    const auto count = static_cast<double>(x_.view().shape.elements()) + 1.0;
    return {{"sum", &sum_, count * epsilon(DType::f64) / epsilon(DType::f32), count}};
  }

 private:
  CaseTensor sum_, x_;
};

inline std::vector<OpCase> sum_of_squares_cases() {
  std::vector<OpCase> cases;
  for (int64_t elements : {0, 1, 15, 16, 17, 16383, 16384, 16385, 50000, 4 << 20}) {
    const auto count = static_cast<double>(elements);
    cases.push_back({fmt::format("{} elements", elements),
                     [elements] { return std::make_unique<SumOfSquaresProblem>(elements); }, 4.0 * count, 2.0 * count,
                     elements > (1 << 20)});
  }
  return cases;
}

}  // namespace saker
