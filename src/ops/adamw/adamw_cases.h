// Cases of adamw: one property varied at a time.
#pragma once

#include <fmt/format.h>

#include "ops/adamw/adamw.h"
#include "ops/adamw/split_master_tensors.h"
#include "ops/op_case.h"

namespace saker {

struct AdamwCase {
  int64_t elements = 100;
  bool rounded = false;
  bool split = false;          // the master, into `rounded` and the rest
  double squared_norm = -1.0;  // negative: not given
  double max_norm = 1.0, gradient_scale = 1.0, weight_decay = 0.1;
  int64_t step = 3;
  int64_t tensors = 1;  // of a list, cut from the elements; every second does not decay
  bool benchmark = false;
};

class AdamwProblem : public OpProblem {
 public:
  explicit AdamwProblem(const AdamwCase& c)
      : case_(c),
        norm_(DType::f64, {1}, 1, c.squared_norm, 0.0),
        parameter_(DType::f32, {c.elements}, 2),
        moment1_(DType::f32, {c.elements}, 3, 0.0, 0.1),
        moment2_(DType::f32, {c.elements}, 4, 0.5, 0.05),
        gradient_(DType::f32, {c.elements}, 5),
        rounded_(DType::bf16, {c.elements}, 6),
        low_(DType::u8, {2 * c.elements}, 7) {}

  void run(Stream& stream) override {
    if (case_.split) split_tensor(rounded_.view(), low_.view(), parameter_.view());
    std::vector<AdamwArgs> list;
    for (int64_t i = 0; i < case_.tensors; ++i) list.push_back(args(stream, i));
    adamw(stream, list);
    if (!case_.split) return;
    stream.wait();
    join_tensor(parameter_.view(), rounded_.view(), low_.view());
  }
  std::vector<OpOutput> outputs() const override {
    return {{"parameter", &parameter_, 1.0, 2.0},
            {"moment1", &moment1_, 1.0, 2.0},
            {"moment2", &moment2_, 1.0, 2.0},
            {"rounded", &rounded_, 1.0, 2.0}};
  }

 private:
  AdamwArgs args(Stream& stream, int64_t tensor) {
    const int64_t begin = begin_of(tensor), elements = begin_of(tensor + 1) - begin;
    const auto part = [&](CaseTensor& whole, int64_t each = 1) {
      const TensorView view = whole.on(stream);
      return TensorView(static_cast<std::byte*>(view.data) + static_cast<size_t>(each * begin) * size_of(view.dtype),
                        view.dtype, Shape{each * elements});
    };
    return {.parameter = case_.split ? TensorView(nullptr, DType::f32, Shape{elements}) : part(parameter_),
            .moment1 = part(moment1_),
            .moment2 = part(moment2_),
            .rounded = case_.rounded || case_.split ? part(rounded_) : TensorView(),
            .low = case_.split ? part(low_, 2) : TensorView(),
            .gradient = part(gradient_),
            .squared_norm = case_.squared_norm >= 0.0 ? ConstTensorView(norm_.on(stream)) : ConstTensorView(),
            .max_norm = case_.max_norm,
            .gradient_scale = case_.gradient_scale,
            .lr = 0.01,
            .weight_decay = tensor % 2 == 0 ? case_.weight_decay : 0.0,
            .step = case_.step};
  }
  // Of different lengths, at every place within a vector.
  int64_t begin_of(int64_t tensor) const { return case_.elements * tensor * tensor / (case_.tensors * case_.tensors); }

  AdamwCase case_;
  CaseTensor norm_, parameter_, moment1_, moment2_, gradient_, rounded_, low_;
};

inline std::vector<OpCase> adamw_cases() {
  std::vector<AdamwCase> list;
  for (int64_t elements : {0, 1, 15, 16, 17, 4095, 4096, 4097, 10000}) list.push_back({.elements = elements});
  for (int64_t elements : {37, 1028}) list.push_back({.elements = elements, .rounded = true});
  for (double squared_norm : {0.25, 1.0, 100.0}) list.push_back({.squared_norm = squared_norm});
  list.push_back({.squared_norm = 100.0, .max_norm = 0.0});
  list.push_back({.squared_norm = 100.0, .gradient_scale = 0.25});
  list.push_back({.weight_decay = 0.0, .step = 1});
  list.push_back({.step = 100000});
  list.push_back({.elements = 5000, .rounded = true, .squared_norm = 100.0, .tensors = 7});
  list.push_back({.elements = 130 * 130 * 4, .tensors = 130});
  for (int64_t elements : {1027, 1028}) list.push_back({.elements = elements, .split = true});
  list.push_back({.elements = 5000, .split = true, .squared_norm = 100.0, .tensors = 7});
  list.push_back({.elements = 4200, .split = true, .tensors = 6});  // fours at places where none is aligned
  list.push_back({.elements = 4 << 20, .rounded = true, .squared_norm = 100.0, .benchmark = true});

  std::vector<OpCase> cases;
  for (const AdamwCase& c : list) {
    const auto count = static_cast<double>(c.elements);
    cases.push_back(
        {fmt::format("{} elements in {}{} norm^2={} max={} scale={} decay={} step={}", c.elements, c.tensors,
                     c.rounded ? " rounded"
                     : c.split ? " split"
                               : "",
                     c.squared_norm, c.max_norm, c.gradient_scale, c.weight_decay, c.step),
         [c] { return std::make_unique<AdamwProblem>(c); }, (c.rounded ? 30.0 : 28.0) * count, 14.0 * count,
         c.benchmark});
  }
  return cases;
}

}  // namespace saker
