// Cases of embedding.
#pragma once

#include <fmt/format.h>

#include "ops/embedding/embedding.h"
#include "ops/op_case.h"

namespace saker {

struct EmbeddingCase {
  int64_t l = 5, d = 48;
  DType type = DType::f32;
  bool benchmark = false;
};

class EmbeddingProblem : public OpProblem {
 public:
  static constexpr int64_t kVocab = 97;

  explicit EmbeddingProblem(const EmbeddingCase& c) : table_(c.type, {kVocab, c.d}, 1), h_(DType::f32, {c.l, c.d}, 2) {
    for (int64_t t = 0; t < c.l; ++t) ids_.push_back(static_cast<int32_t>(t * 31 % kVocab));
  }

  void run(Stream& stream) override { embedding(stream, h_.on(stream), table_.on(stream), ids_); }
  std::vector<OpOutput> outputs() const override { return {{"h", &h_, 0.0}}; }

 private:
  CaseTensor table_, h_;
  std::vector<int32_t> ids_;
};

inline std::vector<OpCase> embedding_cases() {
  std::vector<EmbeddingCase> list;
  for (int64_t l : {0, 1, 2, 40}) list.push_back({.l = l});
  for (int64_t d : {1, 17, 300}) list.push_back({.d = d});
  for (DType type : {DType::bf16, DType::f16}) list.push_back({.type = type});
  list.push_back({.l = 512, .d = 2048, .type = DType::bf16, .benchmark = true});

  std::vector<OpCase> cases;
  for (const EmbeddingCase& c : list)
    cases.push_back({fmt::format("l={} d={} {}", c.l, c.d, name(c.type)),
                     [c] { return std::make_unique<EmbeddingProblem>(c); },
                     static_cast<double>(c.l * c.d) * static_cast<double>(4 + size_of(c.type)), 0.0, c.benchmark});
  return cases;
}

}  // namespace saker
