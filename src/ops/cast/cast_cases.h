// Cases of cast.
#pragma once

#include <fmt/format.h>

#include "ops/cast/cast.h"
#include "ops/op_case.h"

namespace saker {

struct CastCase {
  int64_t rows = 5, columns = 48;
  DType out = DType::bf16;
  int64_t x_row_stride = 0;
  bool benchmark = false;
};

class CastProblem : public OpProblem {
 public:
  explicit CastProblem(const CastCase& c)
      : x_(DType::f32, {c.rows, c.columns}, 1, 0.0, 1.0, c.x_row_stride), y_(c.out, {c.rows, c.columns}, 2) {}

  void run(Stream& stream) override { cast(stream, y_.on(stream), x_.on(stream)); }
  std::vector<OpOutput> outputs() const override { return {{"y", &y_, 0.0}}; }

 private:
  CaseTensor x_, y_;
};

inline std::vector<OpCase> cast_cases() {
  std::vector<CastCase> list;
  for (int64_t columns : {1, 7, 16, 17, 33, 130, 600})
    for (DType out : {DType::f32, DType::bf16, DType::f16}) list.push_back({.columns = columns, .out = out});
  for (int64_t rows : {0, 1, 40}) list.push_back({.rows = rows});
  list.push_back({.columns = 48, .x_row_stride = 80});
  list.push_back({.rows = 512, .columns = 96, .x_row_stride = 128, .benchmark = true});

  std::vector<OpCase> cases;
  for (const CastCase& c : list)
    cases.push_back({fmt::format("l={} c={} {}{}", c.rows, c.columns, name(c.out), c.x_row_stride ? " strided" : ""),
                     [c] { return std::make_unique<CastProblem>(c); },
                     static_cast<double>(c.rows * c.columns) * static_cast<double>(4 + size_of(c.out)), 0.0,
                     c.benchmark});
  return cases;
}

}  // namespace saker
