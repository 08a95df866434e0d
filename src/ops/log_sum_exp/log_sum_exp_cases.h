// Cases of log_sum_exp: one property varied at a time, then the shapes of real models.
#pragma once

#include <fmt/format.h>

#include "ops/log_sum_exp/log_sum_exp.h"
#include "ops/op_case.h"

namespace saker {

struct LogSumExpCase {
  int64_t rows = 3, columns = 48;
  double mean = 0.0, deviation = 1.0;
  int64_t row_stride = 0;  // of x
  bool benchmark = false;
};

class LogSumExpProblem : public OpProblem {
 public:
  explicit LogSumExpProblem(const LogSumExpCase& c)
      : x_(DType::f32, {c.rows, c.columns}, 1, c.mean, c.deviation, c.row_stride), y_(DType::f32, {c.rows, 1}, 2) {}

  void run(Stream& stream) override { log_sum_exp(stream, y_.on(stream), x_.on(stream)); }
  // The sum's relative error is the logarithm's absolute one.
  std::vector<OpOutput> outputs() const override { return {{"y", &y_, 1.0, static_cast<double>(x_.view().columns())}}; }

 private:
  CaseTensor x_, y_;
};

inline std::vector<OpCase> log_sum_exp_cases() {
  std::vector<LogSumExpCase> list;
  for (int64_t columns : {1, 2, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 130, 1500}) list.push_back({.columns = columns});
  for (int64_t rows : {0, 1, 17}) list.push_back({.rows = rows});
  for (double mean : {-1e4, 1e4}) list.push_back({.mean = mean});
  for (double deviation : {0.0, 1e-6, 100.0, 1e30}) list.push_back({.deviation = deviation});
  list.push_back({.columns = 21, .row_stride = 80});
  for (int64_t rows : {1, 128}) list.push_back({.rows = rows, .columns = 65024, .deviation = 4.0, .benchmark = true});

  std::vector<OpCase> cases;
  for (const LogSumExpCase& c : list) {
    const double elements = static_cast<double>(c.rows * c.columns);
    cases.push_back({fmt::format("l={} c={}{} mean={} deviation={}", c.rows, c.columns, c.row_stride ? " strided" : "",
                                 c.mean, c.deviation),
                     [c] { return std::make_unique<LogSumExpProblem>(c); }, 4.0 * elements, 2.0 * elements,
                     c.benchmark});
  }
  return cases;
}

}  // namespace saker
