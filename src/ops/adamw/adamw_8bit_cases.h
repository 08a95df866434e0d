// Cases of adamw_8bit: one property varied at a time.
#pragma once

#include <fmt/format.h>

#include "ops/adamw/adamw_8bit.h"
#include "ops/adamw/split_master_tensors.h"
#include "ops/op_case.h"

namespace saker {

struct Adamw8bitCase {
  int64_t elements = 1000;
  bool rounded = false;
  bool split = false;          // the master, into `rounded` and the rest
  double squared_norm = -1.0;  // negative: not given
  double weight_decay = 0.1;
  double gradient_scale = 1.0;  // also how far gradients and moments are apart
  int64_t step = 3;
  bool benchmark = false;
};

// Codes and exponents have to be the same bits.
class Adamw8bitProblem : public OpProblem {
 public:
  explicit Adamw8bitProblem(const Adamw8bitCase& c)
      : case_(c),
        norm_(DType::f64, {1}, 1, c.squared_norm, 0.0),
        parameter_(DType::f32, {c.elements}, 2),
        gradient_(DType::f32, {c.elements}, 3),
        rounded_(DType::bf16, {c.elements}, 4),
        low_(DType::u8, {2 * c.elements}, 7),
        first_(c.elements, 5),
        second_(c.elements, 6) {}

  void run(Stream& stream) override {
    if (case_.split) split_tensor(rounded_.view(), low_.view(), parameter_.view());
    adamw_8bit(stream, {.adamw = {.parameter = case_.split ? TensorView(nullptr, DType::f32, Shape{case_.elements})
                                                           : parameter_.on(stream),
                                  .rounded = case_.rounded || case_.split ? rounded_.on(stream) : TensorView(),
                                  .low = case_.split ? low_.on(stream) : TensorView(),
                                  .gradient = gradient_.on(stream),
                                  .squared_norm =
                                      case_.squared_norm >= 0.0 ? ConstTensorView(norm_.on(stream)) : ConstTensorView(),
                                  .max_norm = 1.0,
                                  .gradient_scale = case_.gradient_scale,
                                  .lr = 0.01,
                                  .weight_decay = case_.weight_decay,
                                  .step = case_.step},
                        .moment1 = first_.on(stream),
                        .moment2 = second_.on(stream)});
    if (!case_.split) return;
    stream.wait();
    join_tensor(parameter_.view(), rounded_.view(), low_.view());
  }
  std::vector<OpOutput> outputs() const override {
    return {{"parameter", &parameter_, 1.0, 2.0},   {"rounded", &rounded_, 1.0, 2.0},
            {"codes1", &first_.codes, 0.0},         {"codes2", &second_.codes, 0.0},
            {"exponents1", &first_.exponents, 0.0}, {"exponents2", &second_.exponents, 0.0}};
  }

  // Codes of all kinds, blocks of several magnitudes.
  struct Moment {
    Moment(int64_t elements, uint64_t seed)
        : codes(DType::u8, {elements}, seed), exponents(DType::u8, {moment_blocks(elements)}, seed + 10) {
      const Rng rng(seed);
      for (int64_t i = 0; i < elements; ++i)
        codes.view().as<uint8_t>()[i] = static_cast<uint8_t>(rng.block(static_cast<uint64_t>(i))[0] >> 24);
      for (int64_t block = 0; block < moment_blocks(elements); ++block)
        exponents.view().as<uint8_t>()[block] = static_cast<uint8_t>(120 + block % 7);
    }
    MomentView on(Stream& stream) { return {codes.on(stream), exponents.on(stream)}; }

    CaseTensor codes, exponents;
  };

 private:
  Adamw8bitCase case_;
  CaseTensor norm_, parameter_, gradient_, rounded_, low_;
  Moment first_, second_;
};

inline std::vector<OpCase> adamw_8bit_cases() {
  std::vector<Adamw8bitCase> list;
  for (int64_t elements : {0, 1, 15, 17, 255, 256, 257, 1023, 1025, 10000}) list.push_back({.elements = elements});
  list.push_back({.elements = 300, .rounded = true});
  for (int64_t elements : {5, 256, 1027}) list.push_back({.elements = elements, .split = true});
  for (double squared_norm : {0.25, 100.0}) list.push_back({.squared_norm = squared_norm});
  for (double scale : {1e-12, 1e-4, 1e4}) list.push_back({.gradient_scale = scale});
  list.push_back({.weight_decay = 0.0, .step = 1});
  list.push_back({.step = 100000});
  list.push_back({.elements = 4 << 20, .rounded = true, .squared_norm = 100.0, .benchmark = true});

  std::vector<OpCase> cases;
  for (const Adamw8bitCase& c : list) {
    const auto count = static_cast<double>(c.elements);
    cases.push_back({fmt::format("{} elements{} norm^2={} scale={} decay={} step={}", c.elements,
                                 c.rounded ? " rounded"
                                 : c.split ? " split"
                                           : "",
                                 c.squared_norm, c.gradient_scale, c.weight_decay, c.step),
                     [c] { return std::make_unique<Adamw8bitProblem>(c); }, (c.rounded ? 18.0 : 16.0) * count,
                     60.0 * count, c.benchmark});
  }
  return cases;
}

}  // namespace saker
