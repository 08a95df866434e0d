// Cases of selective_scan: one property varied at a time, then the shapes of real models.
#pragma once

#include <fmt/format.h>

#include <cmath>

#include "ops/gpu_scratch.h"
#include "ops/op_case.h"
#include "ops/selective_scan/selective_scan.h"

namespace saker {

struct SelectiveScanCase {
  int64_t n = 16, e = 48;
  std::vector<Segment> segments{{0, 7, 0}};
  int64_t slots = 2;
  DType type = DType::f32;
  bool strided = false;          // delta, z, B and C are slices of wider rows
  double delta_deviation = 1.0;  // large: softplus beyond 20, and steps that underflow
  double gate_deviation = 1.0;
  DType handed_on = DType::f32;  // of delta and z
  bool keeps = false;            // the states before chunks
  bool benchmark = false;

  int64_t rows() const { return rows_of(segments); }
};

// [chunk rows, n, e], the states before chunks.
inline CaseTensor chunk_states(Segments segments, int64_t n, int64_t e, uint64_t seed) {
  const int64_t rows = chunk_row_count(rows_of(segments), static_cast<int64_t>(segments.size()), kScanChunk);
  return CaseTensor(DType::f32, {rows, n, e}, seed);
}

// Many of a length, empty ones among them, and not in order.
inline std::vector<Segment> many_segments() {
  std::vector<Segment> segments;
  for (int64_t i = 0, row = 0; i < 130; ++i) {
    segments.push_back({row, i * i % 4 + i % 3, i % 13 == 0 ? i / 13 : kNoSlot});
    row += segments.back().length;
  }
  return segments;
}

// A [n, e], below zero as -exp(A_log) is.
inline CaseTensor decay_rates(int64_t n, int64_t e, uint64_t seed) {
  CaseTensor A(DType::f32, {n, e}, seed, 0.5, 0.4);
  auto* values = A.view().as<float>();
  for (int64_t i = 0; i < n * e; ++i) values[i] = -std::exp(values[i]);
  return A;
}

class SelectiveScanProblem : public OpProblem {
 public:
  explicit SelectiveScanProblem(const SelectiveScanCase& c)
      : case_(c),
        y_(c.type, {c.rows(), c.e}, 1),
        state_(DType::f32, {c.slots, c.n, c.e}, 2),
        u_(c.type, {c.rows(), c.e}, 3),
        delta_(c.handed_on, {c.rows(), c.e}, 4, 0.0, c.delta_deviation, c.strided ? c.e + 16 : 0),
        delta_bias_(DType::f32, {c.e}, 5, -2.0),
        A_(decay_rates(c.n, c.e, 6)),
        B_(DType::f32, {c.rows(), c.n}, 7, 0.0, 1.0, c.strided ? 2 * c.n + 5 : 0),
        C_(DType::f32, {c.rows(), c.n}, 8, 0.0, 1.0, c.strided ? 2 * c.n + 5 : 0),
        D_(DType::f32, {c.e}, 9),
        z_(c.handed_on, {c.rows(), c.e}, 10, 0.0, c.gate_deviation, c.strided ? 2 * c.e : 0),
        chunk_states_(chunk_states(c.segments, c.n, c.e, 11)) {}

  void run(Stream& stream) override {
    selective_scan(stream, {.y = y_.on(stream),
                            .state = state_.on(stream),
                            .chunk_states = case_.keeps ? chunk_states_.on(stream) : TensorView(),
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
  // Inputs of a few units: a state is of the step's magnitude, an output adds up n of them and is gated.
  std::vector<OpOutput> outputs() const override {
    const auto n = static_cast<double>(case_.n);
    const double state = 8.0 * std::max(1.0, case_.delta_deviation);
    return {{"y", &y_, state * std::sqrt(n) * std::max(1.0, case_.gate_deviation), n + 4.0},
            {"state", &state_, state, 4.0},
            {"chunk_states", &chunk_states_, state, 4.0}};
  }

 private:
  SelectiveScanCase case_;
  CaseTensor y_, state_, u_, delta_, delta_bias_, A_, B_, C_, D_, z_, chunk_states_;
};

inline OpCase op_case_of(const SelectiveScanCase& c) {
  const auto l = static_cast<double>(c.rows()), e = static_cast<double>(c.e), n = static_cast<double>(c.n);
  const auto size = static_cast<double>(size_of(c.type));
  return {fmt::format("l={} e={} n={} {}{}{}{} delta={} gate={}", text_of(c.segments), c.e, c.n, name(c.type),
                      c.handed_on == DType::f32 ? "" : " rounded delta and z", c.strided ? " strided" : "",
                      c.keeps ? " keeping states" : "", c.delta_deviation, c.gate_deviation),
          [c] { return std::make_unique<SelectiveScanProblem>(c); },
          l * e * (2.0 * static_cast<double>(size_of(c.handed_on)) + 2.0 * size) + 8.0 * l * n + 12.0 * n * e +
              (c.keeps ? 4.0 * n * e * l / kScanChunk : 0.0),
          5.0 * l * e * n,
          c.benchmark,
          c.handed_on == DType::f32};
}

inline std::vector<OpCase> selective_scan_cases() {
  std::vector<SelectiveScanCase> list;
  for (int64_t e : {1, 7, 15, 16, 17, 31, 32, 33, 65, 100}) list.push_back({.e = e});
  for (int64_t n : {1, 3, 8, 13, 32, 256}) list.push_back({.n = n});
  for (int64_t l : {0, 1, 2, 29, 300}) list.push_back({.segments = {{0, l, 1}}});
  for (DType type : {DType::bf16, DType::f16}) list.push_back({.e = 37, .type = type});
  list.push_back({.strided = true});
  list.push_back({.segments = {{0, 5, 3}, {5, 0, 2}, {5, 1, 0}, {6, 9, kNoSlot}, {17, 2, 1}}, .slots = 5});
  // Whole tiles of a GPU's kernel and what is left of them; single tokens.
  for (int64_t l : {1, 15, 16, 17, 31, 33, 47, 48, 49, 81}) list.push_back({.e = 128, .segments = {{0, l, 1}}});
  list.push_back(
      {.e = 64, .segments = {{0, 40, 3}, {40, 0, 2}, {40, 1, 0}, {41, 70, kNoSlot}, {120, 2, 1}}, .slots = 5});
  list.push_back({.e = 320, .segments = {{0, 1, 3}, {1, 1, 0}, {2, 0, 1}, {2, 1, kNoSlot}, {3, 1, 2}}, .slots = 5});
  // More single tokens than blocks share, with empty segments between.
  {
    SelectiveScanCase many{.e = 64, .slots = 80};
    many.segments.clear();
    for (int64_t i = 0, row = 0; i < 80; ++i) {
      const int64_t length = i / 16 == 1 ? 0 : 1;
      many.segments.push_back({row, length, i});
      row += length;
    }
    list.push_back(many);
  }
  for (DType type : {DType::bf16, DType::f16}) {
    list.push_back({.e = 64, .segments = {{0, 37, 0}}, .type = type});
    list.push_back({.e = 64, .segments = {{0, 1, 1}, {1, 1, 0}}, .type = type});
  }
  list.push_back({.segments = {{0, 20, 0}}, .delta_deviation = 30.0});
  list.push_back({.e = 64, .segments = {{0, 20, 0}}, .delta_deviation = 30.0});
  list.push_back({.segments = {{0, 20, 0}}, .gate_deviation = 40.0});
  // Rounded step sizes and gates: tiles of 32 tokens, single tokens, any shape.
  for (DType type : {DType::bf16, DType::f16}) {
    for (int64_t l : {1, 7, 31, 32, 33, 63, 64, 65, 161})
      list.push_back({.e = 128, .segments = {{0, l, 1}}, .type = type, .handed_on = type});
    for (int64_t e : {37, 48}) list.push_back({.e = e, .type = type, .handed_on = type});
    list.push_back({.n = 3, .type = type, .handed_on = type});
    list.push_back({.n = 32, .type = type, .strided = true, .handed_on = type});
    list.push_back({.e = 64,
                    .segments = {{0, 40, 3}, {40, 0, 2}, {40, 1, 0}, {41, 70, kNoSlot}, {120, 2, 1}},
                    .slots = 5,
                    .type = type,
                    .handed_on = type});
    list.push_back({.e = 320,
                    .segments = {{0, 1, 3}, {1, 1, 0}, {2, 0, 1}, {2, 1, kNoSlot}, {3, 1, 2}},
                    .slots = 5,
                    .type = type,
                    .handed_on = type});
    list.push_back({.e = 64, .segments = {{0, 40, 0}}, .type = type, .delta_deviation = 30.0, .handed_on = type});
  }
  for (int64_t e : {1536, 4096}) {
    list.push_back({.e = e, .segments = {{0, 512, 0}}, .type = DType::bf16, .strided = true, .benchmark = true});
    list.push_back({.e = e, .segments = {{0, 1, 0}}, .type = DType::bf16, .benchmark = true});
  }

  std::vector<OpCase> cases;
  for (const SelectiveScanCase& c : list) cases.push_back(op_case_of(c));
  return cases;
}

// Of those that make chunk_states: GPUs and the reference. Among the benchmarks, a pass without beside one with.
inline std::vector<OpCase> selective_scan_keeping_cases() {
  std::vector<SelectiveScanCase> list;
  const std::vector<Segment> several{{0, 5, 3}, {5, 0, 2}, {5, 1, 0}, {8, 19, kNoSlot}, {27, 8, 1}, {40, 65, 4}};
  for (const auto& [type, handed_on] :
       {std::pair(DType::f32, DType::f32), std::pair(DType::bf16, DType::f32), std::pair(DType::bf16, DType::bf16)}) {
    for (const int64_t l : {1, 7, 8, 9, 33, 63, 64, 65})
      list.push_back({.e = 128, .segments = {{0, l, 1}}, .type = type, .handed_on = handed_on, .keeps = true});
    // Kernels for 16 states, rows that are no vectors, and any number of channels or states.
    for (const auto& [e, n, strided] :
         {std::tuple<int64_t, int64_t, bool>(64, 16, false), {64, 16, true}, {37, 16, false}, {64, 3, false}})
      list.push_back({.n = n,
                      .e = e,
                      .segments = several,
                      .slots = 5,
                      .type = type,
                      .strided = strided,
                      .handed_on = handed_on,
                      .keeps = true});
    list.push_back({.e = 64,
                    .segments = {{0, 1, 1}, {1, 1, kNoSlot}, {2, 1, 0}},
                    .type = type,
                    .handed_on = handed_on,
                    .keeps = true});
  }
  list.push_back({.e = 64, .segments = many_segments(), .slots = 10, .keeps = true});
  for (bool keeps : {false, true})
    list.push_back({.e = 8192,
                    .segments = {{0, 1024, kNoSlot}, {1024, 1024, kNoSlot}},
                    .type = DType::bf16,
                    .handed_on = DType::bf16,
                    .keeps = keeps,
                    .benchmark = true});
  std::vector<OpCase> cases;
  for (const SelectiveScanCase& c : list) cases.push_back(op_case_of(c));
  return cases;
}

}  // namespace saker
