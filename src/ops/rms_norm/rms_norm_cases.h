// Cases of rms_norm: one property varied at a time, then the shapes of real models.
#pragma once

#include <fmt/format.h>

#include "ops/op_case.h"
#include "ops/rms_norm/rms_norm.h"

namespace saker {

struct RmsNormCase {
  int64_t rows = 5, columns = 48;
  DType out = DType::f32;
  bool weighted = true;
  int64_t row_stride = 0;  // of x and y
  double deviation = 1.0;
  bool benchmark = false;
};

class RmsNormProblem : public OpProblem {
 public:
  explicit RmsNormProblem(const RmsNormCase& c)
      : weighted_(c.weighted),
        x_(DType::f32, {c.rows, c.columns}, 1, 0.1, c.deviation, c.row_stride),
        weight_(DType::f32, {c.columns}, 2, 1.0, 0.2),
        y_(c.out, {c.rows, c.columns}, 3, 0.0, 1.0, c.row_stride) {}

  void run(Stream& stream) override {
    rms_norm(stream, y_.on(stream), x_.on(stream), weighted_ ? ConstTensorView(weight_.on(stream)) : ConstTensorView(),
             1e-5f);
  }
  std::vector<OpOutput> outputs() const override { return {{"y", &y_, 4.0, 1.0}}; }

 private:
  bool weighted_;
  CaseTensor x_, weight_, y_;
};

inline std::vector<OpCase> rms_norm_cases() {
  std::vector<RmsNormCase> list;
  for (int64_t columns : {1, 2, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 130, 256, 257, 600, 5000})
    list.push_back({.columns = columns});
  for (int64_t columns : {20, 100, 260, 640, 1000, 1028, 2052, 4100})
    list.push_back({.columns = columns, .out = DType::bf16});
  for (int64_t rows : {0, 1, 2, 17, 70}) list.push_back({.rows = rows});
  for (DType out : {DType::bf16, DType::f16}) list.push_back({.columns = 37, .out = out});
  list.push_back({.columns = 16, .weighted = false, .row_stride = 80});
  list.push_back({.rows = 70, .columns = 16, .weighted = false, .row_stride = 80});
  list.push_back({.out = DType::bf16, .weighted = false, .row_stride = 51});
  for (double deviation : {0.0, 1e-6, 1e6}) list.push_back({.deviation = deviation});
  for (int64_t columns : {768, 2048, 4096})
    for (DType out : {DType::f32, DType::bf16})
      list.push_back({.rows = 512, .columns = columns, .out = out, .benchmark = true});

  std::vector<OpCase> cases;
  for (const RmsNormCase& c : list) {
    const double elements = static_cast<double>(c.rows * c.columns);
    cases.push_back({fmt::format("l={} c={} {}{}{} deviation={}", c.rows, c.columns, name(c.out),
                                 c.weighted ? "" : " weightless", c.row_stride ? " strided" : "", c.deviation),
                     [c] { return std::make_unique<RmsNormProblem>(c); },
                     elements * static_cast<double>(4 + size_of(c.out)), 4.0 * elements, c.benchmark});
  }
  return cases;
}

}  // namespace saker
