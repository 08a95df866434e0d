// Cases of pick_columns.
#pragma once

#include <fmt/format.h>

#include "ops/op_case.h"
#include "ops/pick_columns/pick_columns.h"

namespace saker {

struct PickColumnsCase {
  int64_t rows = 5, columns = 48, row_stride = 0;
};

class PickColumnsProblem : public OpProblem {
 public:
  explicit PickColumnsProblem(const PickColumnsCase& c)
      : x_(DType::f32, {c.rows, c.columns}, 1, 0.0, 1.0, c.row_stride), y_(DType::f32, {c.rows, 1}, 2) {
    for (int64_t t = 0; t < c.rows; ++t) ids_.push_back(static_cast<int32_t>((t * 37 + 11) % c.columns));
  }

  void run(Stream& stream) override { pick_columns(stream, y_.on(stream), x_.on(stream), ids_); }
  std::vector<OpOutput> outputs() const override { return {{"y", &y_, 0.0, 1.0}}; }

 private:
  CaseTensor x_, y_;
  std::vector<int32_t> ids_;
};

inline std::vector<OpCase> pick_columns_cases() {
  std::vector<PickColumnsCase> list;
  for (int64_t rows : {0, 1, 2, 129, 300}) list.push_back({.rows = rows});
  for (int64_t columns : {1, 1000}) list.push_back({.columns = columns});
  list.push_back({.row_stride = 60});

  std::vector<OpCase> cases;
  for (const PickColumnsCase& c : list)
    cases.push_back({fmt::format("l={} c={}{}", c.rows, c.columns, c.row_stride ? " strided" : ""),
                     [c] { return std::make_unique<PickColumnsProblem>(c); }, 8.0 * static_cast<double>(c.rows), 0.0});
  return cases;
}

}  // namespace saker
