// Cases of embedding_backward.
#pragma once

#include <fmt/format.h>

#include <cmath>

#include "ops/embedding/embedding_backward.h"
#include "ops/op_case.h"

namespace saker {

struct EmbeddingBackwardCase {
  int64_t l = 5, d = 48, v = 97;
  bool benchmark = false;
};

class EmbeddingBackwardProblem : public OpProblem {
 public:
  explicit EmbeddingBackwardProblem(const EmbeddingBackwardCase& c)
      : dtable_(DType::f32, {c.v, c.d}, 1), dh_(DType::f32, {c.l, c.d}, 2) {
    for (int64_t t = 0; t < c.l; ++t) ids_.push_back(static_cast<int32_t>(t * t * 31 % c.v));
  }

  void run(Stream& stream) override { embedding_backward(stream, dtable_.on(stream), dh_.on(stream), ids_); }
  // An id may occur in every row.
  std::vector<OpOutput> outputs() const override {
    const auto l = static_cast<double>(ids_.size()) + 1.0;
    return {{"dtable", &dtable_, std::sqrt(l), l}};
  }

 private:
  CaseTensor dtable_, dh_;
  std::vector<int32_t> ids_;
};

inline std::vector<OpCase> embedding_backward_cases() {
  std::vector<EmbeddingBackwardCase> list;
  for (int64_t l : {0, 1, 2, 300}) list.push_back({.l = l});
  for (int64_t d : {1, 17, 65, 200}) list.push_back({.d = d});
  list.push_back({.l = 2048, .d = 256, .v = 8192, .benchmark = true});

  std::vector<OpCase> cases;
  for (const EmbeddingBackwardCase& c : list)
    cases.push_back({fmt::format("l={} d={} v={}", c.l, c.d, c.v),
                     [c] { return std::make_unique<EmbeddingBackwardProblem>(c); },
                     12.0 * static_cast<double>(c.l * c.d), static_cast<double>(c.l * c.d), c.benchmark});
  return cases;
}

}  // namespace saker
