// Cases of mixer_step: batches, types and options at the smallest shape that the CUDA backend serves.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "ops/mixer_step/mixer_step.h"
#include "ops/op_case.h"
#include "ops/quantize/quantize.h"
#include "ops/selective_scan/selective_scan_cases.h"

namespace saker {

struct MixerStepCase {
  int64_t b = 1;
  DType type = DType::bf16;
  DType matrices = type;  // or q8, q4 or fp8
  bool biases = false, norms = true;
  int64_t d = 512, e = 4096, n = 16, r = 256, k = 4, slots = std::max<int64_t>(9, b + 1);
  int64_t without_slot = 0;  // of the last rows
};

class MixerStepProblem : public OpProblem {
 public:
  explicit MixerStepProblem(const MixerStepCase& c)
      : case_(c),
        residual_(DType::f32, {c.b, c.d}, 1),
        conv_(DType::f32, {c.slots, c.k - 1, c.e}, 2),
        ssm_(DType::f32, {c.slots, c.n, c.e}, 3),
        z_(DType::f32, {c.b, c.e}, 4),
        u_(c.type, {c.b, c.e}, 5),
        norm_(DType::f32, {c.d}, 6, 1.0, 0.1),
        in_proj_(c.type, {2 * c.e, c.d}, 7, 0.0, 1.0 / std::sqrt(static_cast<double>(c.d))),
        in_proj_bias_(DType::f32, {2 * c.e}, 8, 0.0, 0.1),
        conv_weight_(DType::f32, {c.k, c.e}, 9, 0.0, 0.5),
        conv_bias_(DType::f32, {c.e}, 10, 0.0, 0.1),
        x_proj_(c.type, {c.r + 2 * c.n, c.e}, 11, 0.0, 1.0 / std::sqrt(static_cast<double>(c.e))),
        dt_proj_(c.type, {c.e, c.r}, 12, 0.0, 1.0 / std::sqrt(static_cast<double>(c.r))),
        dt_bias_(DType::f32, {c.e}, 13, -2.0),
        A_(decay_rates(c.n, c.e, 14)),
        D_(DType::f32, {c.e}, 15),
        out_proj_(c.type, {c.d, c.e}, 16, 0.0, 1.0 / std::sqrt(static_cast<double>(c.e))),
        out_proj_bias_(DType::f32, {c.d}, 17, 0.0, 0.1),
        quantized_(DType::u8, {static_cast<int64_t>(of_all_quantized())}, 18) {
    for (int64_t t = 0; t < c.b; ++t)
      segments_.push_back({t, 1, t < c.b - c.without_slot ? (7 * t + 3) % c.slots : kNoSlot});
  }

  void run(Stream& stream) override {
    auto* next = quantized_.on(stream).as<std::byte>();
    // The matrix, or what it is rounded to.
    const auto matrix = [&](CaseTensor& plain, DType type) -> ConstTensorView {
      if (!is_quantized(type)) return plain.on(stream);
      const TensorView q(next, type, plain.on(stream).shape);
      next += bytes_of(q);
      quantize(stream, q, plain.on(stream));
      return q;
    };
    const DType of_dt = is_quantized(case_.matrices) ? DType::q8 : case_.matrices,
                of_x = case_.matrices == DType::fp8 ? DType::q8 : case_.matrices;
    const ConstTensorView in_proj = matrix(in_proj_, case_.matrices), x_proj = matrix(x_proj_, of_x),
                          dt_proj = matrix(dt_proj_, of_dt), out_proj = matrix(out_proj_, case_.matrices);
    const bool served = mixer_step(
        stream, {.residual = residual_.on(stream),
                 .conv = conv_.on(stream),
                 .ssm = ssm_.on(stream),
                 .z = z_.on(stream),
                 .u = u_.on(stream),
                 .y = u_.on(stream),
                 .norm = norm_.on(stream),
                 .in_proj = in_proj,
                 .in_proj_bias = case_.biases ? ConstTensorView(in_proj_bias_.on(stream)) : ConstTensorView(),
                 .conv_weight = conv_weight_.on(stream),
                 .conv_bias = case_.biases ? ConstTensorView(conv_bias_.on(stream)) : ConstTensorView(),
                 .x_proj = x_proj,
                 .dt_proj = dt_proj,
                 .dt_bias = dt_bias_.on(stream),
                 .A = A_.on(stream),
                 .D = D_.on(stream),
                 .out_proj = out_proj,
                 .out_proj_bias = case_.biases ? ConstTensorView(out_proj_bias_.on(stream)) : ConstTensorView(),
                 .eps = 1e-5,
                 .mixer_eps = 1e-6,
                 .mixer_norms = case_.norms,
                 .segments = segments_});
    SAKER_CHECK(served, ErrorCode::unsupported, "[mixer_step] expected a backend with cases that it serves");
  }
  // Where the two round a value that lies between two of the matrices' type differently, it is off by a spacing of that
  // type instead of by rounding in f32; then the products average over such values. None of the norm's values in the
  // cases of few rows lies within 7e-7 of such a border, so that the windows see none. Many rows have such values, and
  // u beyond 4, whose spacing is 8 times that at 1/2: windows see one times a weight.
  std::vector<OpOutput> outputs() const override {
    const bool few = case_.b <= kMixerStepRows;
    const double spacing = (case_.type == DType::bf16 ? 0x1p-8 : 0x1p-11) / 0x1p-23, largest = few ? 1.0 : 4.0;
    const double of_weight = 2.0 / std::sqrt(static_cast<double>(case_.d));
    return {{"residual", &residual_, largest * spacing, 1.0},
            {"conv", &conv_, few ? 1.0 : of_weight * spacing, few ? 16.0 * case_.d : 1.0},
            {"ssm", &ssm_, largest * spacing, 1.0}};
  }

 private:
  // A multiple of 64 bytes.
  static size_t bytes_of(const ConstTensorView& q) {
    return (quantized_bytes(q.dtype, q.shape[0], q.shape[1]) + 63) / 64 * 64;
  }
  size_t of_all_quantized() const {
    const MixerStepCase& c = case_;
    const int64_t weights = c.e * (3 * c.d + c.r + 2 * c.n + c.r);
    return is_quantized(c.matrices) ? quantized_bytes(DType::q8, 1, weights) + 4 * 64 : 0;
  }

  MixerStepCase case_;
  CaseTensor residual_, conv_, ssm_, z_, u_, norm_, in_proj_, in_proj_bias_, conv_weight_, conv_bias_, x_proj_,
      dt_proj_, dt_bias_, A_, D_, out_proj_, out_proj_bias_, quantized_;
  std::vector<Segment> segments_;
};

inline std::vector<OpCase> mixer_step_cases() {
  std::vector<MixerStepCase> list;
  for (int64_t b : {1, 2, 3, 4, 5, 8}) list.push_back({.b = b});
  list.push_back({.b = 2, .type = DType::f16});
  list.push_back({.b = 3, .biases = true});
  list.push_back({.b = 3, .norms = false});
  for (int64_t b : {1, 3, 4, 5, 8}) list.push_back({.b = b, .matrices = DType::q8, .d = 1024, .e = 8192});
  for (int64_t b : {1, 2, 5, 8}) list.push_back({.b = b, .matrices = DType::q4, .d = 2048, .e = 8192});
  for (int64_t b : {9, 16, 33, 64, 100, 256}) list.push_back({.b = b});
  list.push_back({.b = 16, .type = DType::f16});
  list.push_back({.b = 33, .biases = true});
  list.push_back({.b = 24, .norms = false});
  list.push_back({.b = 64, .e = 8192, .without_slot = 21});
  for (int64_t b : {1, 8}) list.push_back({.b = b, .matrices = DType::fp8, .d = 1024, .e = 8192});
  std::vector<OpCase> cases;
  for (const MixerStepCase& c : list)
    cases.push_back({fmt::format("b={} {}{}{}{}", c.b, name(c.matrices), c.biases ? " biases" : "",
                                 c.norms ? "" : " plain", c.without_slot > 0 ? " padded" : ""),
                     [c] { return std::make_unique<MixerStepProblem>(c); }});
  return cases;
}

}  // namespace saker
