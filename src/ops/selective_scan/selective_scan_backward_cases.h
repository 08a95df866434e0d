// Cases of selective_scan_backward: one property varied at a time, then the shapes of real models.
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "ops/op_case.h"
#include "ops/selective_scan/selective_scan.h"
#include "ops/selective_scan/selective_scan_backward.h"
#include "ops/selective_scan/selective_scan_cases.h"

namespace saker {

struct SelectiveScanBackwardCase {
  int64_t n = 16, e = 48;
  std::vector<Segment> segments{{0, 7, 0}};
  int64_t slots = 2;
  DType type = DType::f32;
  bool strided = false;  // delta, z, B, C and dz are slices of wider rows
  int64_t gap = 4;       // of B and C: 4 leaves rows of 4 n states at multiples of 16 bytes
  bool carried = true;   // with gradients of the states after
  bool kept = false;     // with the states before chunks, of a forward pass
  double delta_deviation = 1.0;
  double gate_deviation = 1.0;
  DType handed_on = DType::f32;  // of dy, delta, z and their kin
  bool benchmark = false;

  int64_t rows() const { return rows_of(segments); }
};

class SelectiveScanBackwardProblem : public OpProblem {
 public:
  explicit SelectiveScanBackwardProblem(const SelectiveScanBackwardCase& c) : case_(c) {}

  void run(Stream& stream) override {
    if (case_.kept && !std::exchange(has_states_, true)) keep_states(stream);
    selective_scan_backward(stream, {.du = du_.on(stream),
                                     .ddelta = ddelta_.on(stream),
                                     .dz = dz_.on(stream),
                                     .dB = dB_.on(stream),
                                     .dC = dC_.on(stream),
                                     .dA_log = dA_log_.on(stream),
                                     .dD = dD_.on(stream),
                                     .ddelta_bias = ddelta_bias_.on(stream),
                                     .dstate = case_.carried ? dstate_.on(stream) : TensorView(),
                                     .dy = dy_.on(stream),
                                     .u = u_.on(stream),
                                     .delta = delta_.on(stream),
                                     .delta_bias = delta_bias_.on(stream),
                                     .A = A_.on(stream),
                                     .B = B_.on(stream),
                                     .C = C_.on(stream),
                                     .D = D_.on(stream),
                                     .z = z_.on(stream),
                                     .state = state_.on(stream),
                                     .chunk_states = case_.kept ? chunk_states_.on(stream) : TensorView(),
                                     .segments = case_.segments});
  }

  // Inputs of a few units. A step is of the magnitude of delta, a state or the gradient of one of a few steps; what is
  // added up over states, channels or tokens grows with the root of their number.
  std::vector<OpOutput> outputs() const override {
    const double n = std::sqrt(static_cast<double>(case_.n)), e = std::sqrt(static_cast<double>(case_.e));
    const double l = std::sqrt(static_cast<double>(case_.rows()) + 1.0);
    const double step = 3.0 * std::max(1.0, case_.delta_deviation), gate = 2.0 * std::max(1.0, case_.gate_deviation);
    const double state = 2.0 * step, gradient = 4.0 * gate;
    return {{"du", &du_, gradient * step * n, n * n},
            {"ddelta", &ddelta_, gradient * state * n, n * n},
            {"dz", &dz_, state * n, n * n},
            {"dB", &dB_, gradient * step * e, e * e},
            {"dC", &dC_, gate * state * e, e * e},
            {"dA_log", &dA_log_, gradient * step * state * l, l * l},
            {"dD", &dD_, gate * l, l * l},
            {"ddelta_bias", &ddelta_bias_, gradient * state * n * l, n * n * l * l},
            {"dstate", &dstate_, gradient, 4.0}};
  }

 private:
  void keep_states(Stream& stream) {
    selective_scan(stream, {.y = y_.on(stream),
                            .state = advanced_.on(stream),
                            .chunk_states = chunk_states_.on(stream),
                            .u = u_.on(stream),
                            .delta = delta_.on(stream),
                            .delta_bias = delta_bias_.on(stream),
                            .A = A_.on(stream),
                            .B = B_.on(stream),
                            .C = C_.on(stream),
                            .D = D_.on(stream),
                            .z = z_.on(stream),
                            .segments = case_.segments});
  }

  CaseTensor rows(DType type, uint64_t seed, double deviation, bool strided, int64_t gap) const {
    return CaseTensor(type, {case_.rows(), case_.e}, seed, 0.0, deviation, strided ? case_.e + gap : 0);
  }
  CaseTensor states(uint64_t seed) const { return CaseTensor(DType::f32, {case_.slots, case_.n, case_.e}, seed); }
  CaseTensor groups(uint64_t seed) const {
    return CaseTensor(DType::f32, {case_.rows(), case_.n}, seed, 0.0, 1.0, case_.strided ? 2 * case_.n + case_.gap : 0);
  }
  CaseTensor channels(uint64_t seed, double mean = 0.0) const { return CaseTensor(DType::f32, {case_.e}, seed, mean); }

  SelectiveScanBackwardCase case_;
  CaseTensor dy_ = rows(case_.handed_on, 1, 1.0, false, 0), u_ = rows(case_.type, 2, 1.0, false, 0);
  CaseTensor delta_ = rows(case_.handed_on, 3, case_.delta_deviation, case_.strided, 16);
  CaseTensor z_ = rows(case_.handed_on, 4, case_.gate_deviation, case_.strided, case_.e);
  CaseTensor delta_bias_ = channels(5, -2.0), D_ = channels(6), B_ = groups(7), C_ = groups(8);
  CaseTensor A_ = decay_rates(case_.n, case_.e, 9);
  CaseTensor state_ = states(10), advanced_ = states(10), dstate_ = states(11);
  CaseTensor du_ = rows(case_.handed_on, 12, 1.0, false, 0), ddelta_ = rows(case_.handed_on, 13, 1.0, false, 0);
  CaseTensor dz_ = rows(case_.handed_on, 14, 1.0, case_.strided, case_.e), dB_ = groups(15), dC_ = groups(16);
  CaseTensor dA_log_{DType::f32, {case_.n, case_.e}, 17}, dD_ = channels(18), ddelta_bias_ = channels(19);
  CaseTensor y_ = rows(case_.type, 20, 1.0, false, 0);
  bool has_states_ = false;
  CaseTensor chunk_states_ = chunk_states(case_.segments, case_.n, case_.e, 21);
};

inline std::vector<OpCase> selective_scan_backward_cases() {
  std::vector<SelectiveScanBackwardCase> list;
  for (int64_t e : {1, 7, 15, 16, 17, 31, 33, 64, 65, 130, 200}) list.push_back({.e = e});
  for (int64_t n : {1, 3, 8, 13, 32, 256}) list.push_back({.n = n, .segments = {{0, 9, 0}}});
  for (int64_t l : {0, 1, 2, 15, 16, 17, 32, 49, 300}) list.push_back({.segments = {{0, l, 1}}});
  list.push_back({.e = 37, .type = DType::bf16});
  list.push_back({.strided = true, .gap = 5});
  list.push_back({.carried = false});
  for (bool carried : {false, true})
    list.push_back(
        {.segments = {{0, 5, 3}, {5, 0, 2}, {5, 1, 0}, {6, 19, kNoSlot}, {25, 2, 1}}, .slots = 5, .carried = carried});
  list.push_back({.segments = {{0, 20, 0}}, .delta_deviation = 30.0});
  list.push_back({.segments = {{0, 20, 0}}, .gate_deviation = 40.0});
  // Groups of 64 channels and 16 states, for which GPUs have kernels of their own, around chunks of 8 tokens.
  for (int64_t l : {7, 8, 9, 63}) list.push_back({.e = 64, .segments = {{0, l, 1}}});
  for (int64_t gap : {4, 5})
    list.push_back({.e = 128, .segments = {{0, 29, 0}}, .type = DType::bf16, .strided = true, .gap = gap});
  for (bool carried : {false, true})
    list.push_back({.e = 128,
                    .segments = {{0, 5, 3}, {5, 0, 2}, {5, 1, 0}, {8, 19, kNoSlot}, {27, 2, 1}, {31, 40, 4}},
                    .slots = 5,
                    .carried = carried});
  list.push_back({.e = 64, .segments = {{0, 20, 0}}, .delta_deviation = 30.0});
  list.push_back({.e = 64, .segments = {{0, 20, 0}}, .gate_deviation = 40.0});
  for (const auto& [e, gap] : {std::pair<int64_t, int64_t>(128, 4), {64, 5}, {33, 4}})
    for (bool carried : {false, true})
      list.push_back({.e = e,
                      .segments = {{0, 5, 3}, {5, 0, 2}, {5, 1, 0}, {8, 19, kNoSlot}, {27, 8, 1}, {40, 65, 4}},
                      .slots = 5,
                      .type = carried ? DType::bf16 : DType::f32,
                      .strided = true,
                      .gap = gap,
                      .carried = carried,
                      .kept = true});
  for (int64_t l : {1, 7, 8, 9, 63, 64, 65}) list.push_back({.e = 64, .segments = {{0, l, l % 2 - 1}}, .kept = true});
  for (int64_t e : {33, 64}) list.push_back({.e = e, .segments = many_segments(), .slots = 10});
  // Rounded inputs and outputs, of either kernel.
  const DType half = DType::bf16;
  for (int64_t l : {1, 7, 8, 9, 63, 64, 65})
    list.push_back({.e = 64, .segments = {{0, l, l % 2 - 1}}, .type = half, .kept = true, .handed_on = half});
  for (const auto& [n, e, gap] :
       {std::tuple<int64_t, int64_t, int64_t>(16, 128, 8), {16, 64, 5}, {16, 33, 4}, {3, 64, 8}})
    for (bool carried : {false, true})
      list.push_back({.n = n,
                      .e = e,
                      .segments = {{0, 5, 3}, {5, 0, 2}, {5, 1, 0}, {8, 19, kNoSlot}, {27, 8, 1}, {40, 65, 4}},
                      .slots = 5,
                      .type = half,
                      .strided = true,
                      .gap = gap,
                      .carried = carried,
                      .kept = carried,
                      .handed_on = half});
  list.push_back({.e = 64, .segments = {{0, 20, 0}}, .type = half, .delta_deviation = 30.0, .handed_on = half});
  list.push_back({.e = 64, .segments = {{0, 20, 0}}, .type = half, .gate_deviation = 40.0, .handed_on = half});
  for (int64_t e : {512, 1536, 4096})
    list.push_back(
        {.e = e, .segments = {{0, 1024, kNoSlot}, {1024, 1024, kNoSlot}}, .strided = true, .benchmark = true});
  // A GPU's passes of training are larger than a CPU's.
  const std::vector<Segment> pass{
      {0, 2048, kNoSlot}, {2048, 2048, kNoSlot}, {4096, 2048, kNoSlot}, {6144, 2048, kNoSlot}};
  for (const auto& [handed_on, kept] : {std::pair(DType::f32, false), {DType::f32, true}, {half, false}, {half, true}})
    list.push_back(
        {.e = 8192,
         .segments = handed_on == half ? pass : std::vector<Segment>{{0, 1024, kNoSlot}, {1024, 1024, kNoSlot}},
         .type = half,
         .strided = true,
         .kept = kept,
         .handed_on = handed_on,
         .benchmark = true});

  std::vector<OpCase> cases;
  for (const SelectiveScanBackwardCase& c : list) {
    const auto l = static_cast<double>(c.rows()), e = static_cast<double>(c.e), n = static_cast<double>(c.n);
    const auto size = static_cast<double>(size_of(c.type));
    cases.push_back(
        {fmt::format("l={} e={} n={} {}{}{}{}{} delta={} gate={}", text_of(c.segments), c.e, c.n, name(c.type),
                     c.handed_on == DType::f32 ? "" : " all", c.strided ? " strided" : "",
                     c.carried ? "" : " truncated", c.kept ? " kept states" : "", c.delta_deviation, c.gate_deviation),
         [c] { return std::make_unique<SelectiveScanBackwardProblem>(c); },
         l * e * (6.0 * static_cast<double>(size_of(c.handed_on)) + size) + 16.0 * l * n + 12.0 * n * e +
             (c.kept ? 4.0 * n * e * l / kScanChunk : 0.0),
         20.0 * l * e * n, c.benchmark, c.handed_on == DType::f32});
  }
  return cases;
}

}  // namespace saker
