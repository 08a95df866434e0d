// Cases of split_masters and join_masters: a tensor split, and its halves joined.
#pragma once

#include <fmt/format.h>

#include "ops/op_case.h"
#include "ops/split_masters/split_masters.h"

namespace saker {

class SplitMastersProblem : public OpProblem {
 public:
  explicit SplitMastersProblem(int64_t elements)
      : master_(DType::f32, {elements}, 1),
        high_(DType::bf16, {elements}, 2),
        low_(DType::u8, {2 * elements}, 3),
        joined_(DType::f32, {elements}, 4) {}

  void run(Stream& stream) override {
    split_masters(stream, {.high = high_.on(stream), .low = low_.on(stream), .master = master_.on(stream)});
    join_masters(stream, {.master = joined_.on(stream), .high = high_.on(stream), .low = low_.on(stream)});
  }
  std::vector<OpOutput> outputs() const override {
    return {{"high", &high_, 0.0}, {"low", &low_, 0.0}, {"joined", &joined_, 0.0}};
  }

 private:
  CaseTensor master_, high_, low_, joined_;
};

inline std::vector<OpCase> split_masters_cases() {
  std::vector<OpCase> cases;
  for (int64_t elements : {0, 1, 3, 4, 255, 1024, 5001, 4 << 20})
    cases.push_back({fmt::format("{} elements", elements),
                     [elements] { return std::make_unique<SplitMastersProblem>(elements); },
                     16.0 * static_cast<double>(elements), 0.0, elements > (1 << 20)});
  return cases;
}

}  // namespace saker
