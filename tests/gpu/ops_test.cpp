// The operations on a GPU: the cases of its test by the rule of its test.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include "core/rng.h"
#include "gpu/gpu_test.h"
#include "infer/sampler.h"
#include "ops/adamw/adamw_8bit_cases.h"
#include "ops/adamw/adamw_cases.h"
#include "ops/cast/cast_cases.h"
#include "ops/causal_conv1d/causal_conv1d_backward_cases.h"
#include "ops/causal_conv1d/causal_conv1d_cases.h"
#include "ops/embedding/embedding_backward_cases.h"
#include "ops/embedding/embedding_cases.h"
#include "ops/gpu_scratch.h"
#include "ops/linear/linear_backward_cases.h"
#include "ops/linear/linear_cases.h"
#include "ops/linear_cross_entropy/linear_cross_entropy_cases.h"
#include "ops/log_sum_exp/log_sum_exp_cases.h"
#include "ops/mixer_step/mixer_step_cases.h"
#include "ops/negative_exp/negative_exp_cases.h"
#include "ops/op_testing.h"
#include "ops/pick_columns/pick_columns_cases.h"
#include "ops/quantize/quantize_cases.h"
#include "ops/rms_norm/rms_norm_backward_cases.h"
#include "ops/rms_norm/rms_norm_cases.h"
#include "ops/selective_scan/selective_scan_backward_cases.h"
#include "ops/selective_scan/selective_scan_cases.h"
#include "ops/sum_of_squares/sum_of_squares_cases.h"

namespace saker {
namespace {

class GpuOps : public GpuTest {
 protected:
  bool has_mixer_step() const {
    for (const GpuInfo& gpu : list_gpus())
      if (gpu.index == gpu_.gpu) return gpu.major == 9;
    return false;
  }

  // What belongs to the sequence of row `t` of a case of mixer_step.
  static std::vector<float> block_of(const OpOutput& output, int64_t t) {
    const ConstTensorView view = std::as_const(*output.tensor).view();
    const int64_t size = view.shape.elements() / view.shape[0], at = output.name == "residual" ? t : (7 * t + 3) % 9;
    return {view.as<float>() + at * size, view.as<float>() + (at + 1) * size};
  }
};

TEST_F(GpuOps, Cast) {
  test_op_cases_on(gpu_, without_benchmarks(cast_cases()));
}
TEST_F(GpuOps, CausalConv1d) {
  test_op_cases_on(gpu_, without_benchmarks(causal_conv1d_cases()));
}
TEST_F(GpuOps, Embedding) {
  test_op_cases_on(gpu_, without_benchmarks(embedding_cases()));
}
TEST_F(GpuOps, Linear) {
  test_op_cases_on(gpu_, without_benchmarks(linear_cases()));
}
TEST_F(GpuOps, LogSumExp) {
  test_op_cases_on(gpu_, without_benchmarks(log_sum_exp_cases()));
}
TEST_F(GpuOps, MixerStep) {
  if (!has_mixer_step()) GTEST_SKIP() << "mixer_step is for compute capability 9.0";
  test_op_cases_on(gpu_, without_benchmarks(mixer_step_cases()));
}
// Row t and slot (7 t + 3) mod 9 of the cases hold the same numbers whatever the number of sequences.
TEST_F(GpuOps, MixerStepOfASequenceDoesNotDependOnTheOthers) {
  if (!has_mixer_step()) GTEST_SKIP() << "mixer_step is for compute capability 9.0";
  for (MixerStepCase problem : {MixerStepCase{}, MixerStepCase{.matrices = DType::q8, .d = 1024, .e = 8192},
                                MixerStepCase{.matrices = DType::q4, .d = 2048, .e = 8192}}) {
    Stream stream(gpu_);
    problem.b = 8;
    MixerStepProblem eight(problem);
    eight.run(stream);
    for (const int64_t b : {1, 2, 3, 4, 5}) {
      problem.b = b;
      MixerStepProblem few(problem);
      few.run(stream);
      stream.wait();
      const auto got = few.outputs(), wanted = eight.outputs();
      for (size_t i = 0; i < got.size(); ++i)
        for (int64_t t = 0; t < b; ++t)
          EXPECT_EQ(block_of(got[i], t), block_of(wanted[i], t))
              << got[i].name << " of row " << t << " of " << b << ", " << name(problem.matrices);
    }
  }
}
TEST_F(GpuOps, PickColumns) {
  test_op_cases_on(gpu_, without_benchmarks(pick_columns_cases()));
}
TEST_F(GpuOps, Quantize) {
  test_op_cases_on(gpu_, without_benchmarks(quantize_cases()));
}
// Where x becomes fixed point, which has none.
TEST_F(GpuOps, ProductsOfIntegersShowNanAndInfinity) {
  constexpr int64_t o = 64, i = 2048;
  for (const DType type : {DType::q8, DType::q4})
    for (const float bad : {INFINITY, -INFINITY, NAN}) {
      Stream stream(gpu_);
      CaseTensor x(DType::bf16, {3, i}, 1), weight(DType::bf16, {o, i}, 2), y(DType::f32, {3, o}, 3),
          codes(DType::u8, {static_cast<int64_t>(quantized_bytes(type, o, i))}, 4);
      store_element(x.view().data, DType::bf16, i + 700, bad);
      const TensorView q(codes.on(stream).data, type, {o, i});
      quantize(stream, q, weight.on(stream));
      linear(stream, y.on(stream), x.on(stream), q);
      stream.wait();
      for (int64_t at = 0; at < 3 * o; ++at)
        EXPECT_EQ(std::isfinite(y.view().as<float>()[at]), at / o != 1) << bad << ", " << name(type) << " at " << at;
    }
}
// Tensor cores add products of e4m3 with few bits (docs/numerics.md): that is to be nothing beside the rounding of x,
// which the second case has and the first does not.
TEST_F(GpuOps, SumsOfFp8AreExactBesideTheRoundingOfX) {
  if (!Stream(gpu_).gpu().multiplies_fp8()) GTEST_SKIP() << "this GPU has no such products";
  const auto rms_error = [&](bool exact) {
    const QuantizeCase c{.l = 64, .o = 512, .i = 8192, .quantized = DType::fp8, .exact = exact};
    QuantizeProblem on_gpu(c), on_reference(c);
    Stream stream(gpu_), reference(open_backend(BackendKind::reference, 1));
    on_gpu.run(stream);
    on_reference.run(reference);
    stream.wait();
    const ConstTensorView got = std::as_const(*on_gpu.outputs()[1].tensor).view(),
                          wanted = std::as_const(*on_reference.outputs()[1].tensor).view();
    double error = 0.0, size = 0.0;
    for (int64_t i = 0; i < wanted.shape.elements(); ++i) {
      const double x = wanted.as<float>()[i];
      error += (got.as<float>()[i] - x) * (got.as<float>()[i] - x), size += x * x;
    }
    return std::sqrt(error / size);
  };
  const double sums = rms_error(true), rounding = rms_error(false);
  RecordProperty("sums", fmt::format("{:.2e}", sums));
  RecordProperty("rounding", fmt::format("{:.2e}", rounding));
  EXPECT_LT(sums, 0.1 * rounding);
}
TEST_F(GpuOps, RmsNorm) {
  test_op_cases_on(gpu_, without_benchmarks(rms_norm_cases()));
}
// A value that lies between two of e4m3 within a rounding of f32 may go to either.
TEST_F(GpuOps, RmsNormToFp8) {
  for (const auto& [c, weighted] : {std::pair<int64_t, bool>(8, true), {256, false}, {4096, true}, {4104, true}}) {
    SCOPED_TRACE(fmt::format("c={} {}", c, weighted ? "weighted" : "plain"));
    constexpr int64_t l = 5;
    CaseTensor x(DType::f32, {l, c}, 1, 0.3, 2.0), weight(DType::f32, {c}, 2, 1.0, 0.3);
    for (int64_t i = 0; i < c; ++i) x.view().as<float>()[3 * c + i] = 0.0f;  // whose scale is 0
    const auto bytes = static_cast<int64_t>(quantized_bytes(DType::fp8, l, c));
    CaseTensor got(DType::u8, {bytes}, 3), wanted(DType::u8, {bytes}, 4);
    const auto norm = [&](Stream& stream, CaseTensor& y) {
      rms_norm(stream, {y.on(stream).data, DType::fp8, {l, c}}, x.on(stream),
               weighted ? ConstTensorView(weight.on(stream)) : ConstTensorView(), 1e-5);
      stream.wait();
    };
    Stream stream(gpu_), reference(open_backend(BackendKind::reference, 1));
    norm(stream, got);
    norm(reference, wanted);
    EXPECT_TRUE(got.guards_intact());
    const auto *a = std::as_const(got).view().as<uint8_t>(), *b = std::as_const(wanted).view().as<uint8_t>();
    int64_t other = 0;
    for (int64_t i = 0; i < l * c; ++i) {
      EXPECT_LE(std::abs(a[i] - b[i]), 1) << "code " << i;
      other += a[i] != b[i];
    }
    EXPECT_LE(other, 1 + l * c / 1000);
    for (int64_t t = 0; t < l; ++t) {
      const float scale = reinterpret_cast<const float*>(b + l * c)[t];
      EXPECT_NEAR(reinterpret_cast<const float*>(a + l * c)[t], scale, 1e-6f * scale);
    }
  }
}
TEST_F(GpuOps, SelectiveScan) {
  test_op_cases_on(gpu_, without_benchmarks(selective_scan_cases()));
}
TEST_F(GpuOps, SelectiveScanThatKeepsStates) {
  test_op_cases_on(gpu_, without_benchmarks(selective_scan_keeping_cases()));
}
TEST_F(GpuOps, SelectiveScanBackward) {
  test_op_cases_on(gpu_, without_benchmarks(selective_scan_backward_cases()));
}

bool same_bytes(const CaseTensor& a, const CaseTensor& b) {
  const ConstTensorView x = a.view(), y = b.view();
  return std::memcmp(x.data, y.data, static_cast<size_t>(x.shape.elements()) * size_of(x.dtype)) == 0;
}

// Also where a row alone could be read in vectors, and the rows among others cannot.
TEST_F(GpuOps, RmsNormOfARowDoesNotDependOnTheOthers) {
  for (const auto& [columns, stride] : std::initializer_list<std::pair<int64_t, int64_t>>{
           {16, 0}, {48, 80}, {48, 51}, {640, 0}, {2048, 0}, {4096, 0}}) {
    constexpr int64_t l = 35;
    Stream stream(gpu_);
    CaseTensor x(DType::f32, {l, columns}, 1, 0.1, 1.0, stride);
    CaseTensor alone(DType::f32, {l, columns}, 2, 0.0, 1.0, stride), all(DType::f32, {l, columns}, 2, 0.0, 1.0, stride);
    rms_norm(stream, all.on(stream), x.on(stream), {}, 1e-5);
    for (int64_t t = 0; t < l; ++t)
      rms_norm(stream, alone.on(stream).slice_rows(t, 1), x.on(stream).slice_rows(t, 1), {}, 1e-5);
    stream.wait();
    EXPECT_TRUE(same_bytes(alone, all)) << columns << " of " << stride;
  }
}

// The states that the forward pass keeps are those that the backward pass makes where it has none.
TEST_F(GpuOps, KeptStatesChangeNoGradient) {
  SelectiveScanBackwardCase c{
      .e = 128, .segments = {{0, 5, 3}, {5, 0, 2}, {5, 1, 0}, {8, 19, kNoSlot}, {27, 8, 1}, {40, 65, 4}}, .slots = 5};
  for (const auto& [type, handed_on] :
       {std::pair(DType::f32, DType::f32), {DType::bf16, DType::f32}, {DType::bf16, DType::bf16}}) {
    c.type = type, c.handed_on = handed_on;
    Stream stream(gpu_);
    c.kept = false;
    SelectiveScanBackwardProblem made(c);
    made.run(stream);
    c.kept = true;
    SelectiveScanBackwardProblem kept(c);
    kept.run(stream);
    stream.wait();
    const auto got = kept.outputs(), wanted = made.outputs();
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_TRUE(same_bytes(*got[i].tensor, *wanted[i].tensor)) << got[i].name << ", " << name(type);
  }
}

// However a sequence is cut, down to single tokens, which have a kernel of their own: the same bits.
TEST_F(GpuOps, CuttingAScanChangesNothing) {
  constexpr int64_t l = 75, e = 128, n = 16;
  for (const auto& [type, handed_on] : {std::pair(DType::bf16, DType::bf16), std::pair(DType::f16, DType::f16),
                                        std::pair(DType::bf16, DType::f32), std::pair(DType::f32, DType::f32)}) {
    SCOPED_TRACE(std::string(name(type)) + " beside " + std::string(name(handed_on)));
    Stream stream(gpu_);
    CaseTensor u(type, {l, e}, 1), delta(handed_on, {l, e}, 2), z(handed_on, {l, e}, 3), delta_bias(DType::f32, {e}, 4);
    CaseTensor A(DType::f32, {n, e}, 5, -2.0, 0.3), B(DType::f32, {l, n}, 6), C(DType::f32, {l, n}, 7);
    CaseTensor D(DType::f32, {e}, 8), whole(type, {l, e}, 9), whole_state(DType::f32, {1, n, e}, 10);
    const auto scan = [&](CaseTensor& y, CaseTensor& state, int64_t begin, int64_t count) {
      const Segment part{0, count, 0};
      selective_scan(stream, {.y = y.on(stream).slice_rows(begin, count),
                              .state = state.on(stream),
                              .u = u.on(stream).slice_rows(begin, count),
                              .delta = delta.on(stream).slice_rows(begin, count),
                              .delta_bias = delta_bias.on(stream),
                              .A = A.on(stream),
                              .B = B.on(stream).slice_rows(begin, count),
                              .C = C.on(stream).slice_rows(begin, count),
                              .D = D.on(stream),
                              .z = z.on(stream).slice_rows(begin, count),
                              .segments = {&part, 1}});
      stream.wait();  // `part` has travelled
    };
    scan(whole, whole_state, 0, l);
    for (const int64_t cut : {1, 2, 31, 32, 33}) {
      CaseTensor y(type, {l, e}, 11), state(DType::f32, {1, n, e}, 10);
      for (int64_t begin = 0; begin < l; begin += cut) scan(y, state, begin, std::min(cut, l - begin));
      EXPECT_TRUE(same_bytes(y, whole)) << "y by " << cut;
      EXPECT_TRUE(same_bytes(state, whole_state)) << "state by " << cut;
    }
  }
}

TEST_F(GpuOps, CuttingAConvolutionChangesNothing) {
  constexpr int64_t l = 75, e = 64, k = 4;
  for (const DType x_type : {DType::bf16, DType::f32}) {
    SCOPED_TRACE(name(x_type));
    Stream stream(gpu_);
    CaseTensor x(x_type, {l, e}, 1), weight(DType::f32, {k, e}, 2), bias(DType::f32, {e}, 3);
    CaseTensor whole(DType::bf16, {l, e}, 4), whole_state(DType::f32, {1, k - 1, e}, 5);
    const auto convolve = [&](CaseTensor& u, CaseTensor& state, int64_t begin, int64_t count) {
      const Segment part{0, count, 0};
      causal_conv1d(stream, u.on(stream).slice_rows(begin, count), state.on(stream),
                    x.on(stream).slice_rows(begin, count), weight.on(stream), bias.on(stream), {&part, 1});
      stream.wait();  // `part` has travelled
    };
    convolve(whole, whole_state, 0, l);
    for (const int64_t cut : {1, 2, 3, 17}) {
      CaseTensor u(DType::bf16, {l, e}, 6), state(DType::f32, {1, k - 1, e}, 5);
      for (int64_t begin = 0; begin < l; begin += cut) convolve(u, state, begin, std::min(cut, l - begin));
      EXPECT_TRUE(same_bytes(u, whole)) << "u by " << cut;
      EXPECT_TRUE(same_bytes(state, whole_state)) << "window by " << cut;
    }
  }
}

class GpuGradients : public GpuTest {
 protected:
  // Shapes that only a GPU has code of its own for.
  template <class Problem, class Case>
  void test_also(std::initializer_list<Case> list) {
    std::vector<OpCase> cases;
    for (const Case& c : list)
      cases.push_back({fmt::format("case {} of a GPU", cases.size()), [c] { return std::make_unique<Problem>(c); }});
    test_op_cases_on(gpu_, cases);
  }
};

TEST_F(GpuGradients, Adamw) {
  test_op_cases_on(gpu_, without_benchmarks(adamw_cases()));
}
// Also more strips than parts in which they are added up, than loads of a part at once and than places looked at in
// one go; and a first segment that begins late.
TEST_F(GpuGradients, CausalConv1dBackward) {
  test_op_cases_on(gpu_, without_benchmarks(causal_conv1d_backward_cases()));
  for (const DType type : {DType::f32, DType::bf16})
    test_also<CausalConv1dBackwardProblem, CausalConv1dBackwardCase>(
        {{.e = 34, .segments = {{0, 2300, 0}, {2300, 5, kNoSlot}, {2310, 700, 1}}, .type = type},
         {.e = 6, .segments = {{700, 35000, 0}, {35700, 0, 1}, {35900, 97000, kNoSlot}}, .type = type}});
}
TEST_F(GpuGradients, EmbeddingBackward) {
  test_op_cases_on(gpu_, without_benchmarks(embedding_backward_cases()));
  test_also<EmbeddingBackwardProblem, EmbeddingBackwardCase>({{.l = 3000, .d = 129, .v = 7}, {.l = 700, .d = 600}});
}
TEST_F(GpuGradients, LinearBackward) {
  test_op_cases_on(gpu_, without_benchmarks(linear_backward_cases()));
  test_also<LinearBackwardProblem, LinearBackwardCase>(
      {{.l = 2500, .o = 140, .i = 7, .bias = true},
       {.l = 2500, .o = 48, .i = 128, .type = DType::bf16, .bias = true, .accumulate = true},
       {.l = 2500,
        .o = 144,
        .i = 96,
        .type = DType::bf16,
        .bias = true,
        .accumulate = true,
        .dy_type = DType::bf16,
        .dx_type = DType::bf16}});
}
TEST_F(GpuGradients, LinearCrossEntropy) {
  test_op_cases_on(gpu_, without_benchmarks(linear_cross_entropy_cases()));
  test_also<LinearCrossEntropyProblem, LinearCrossEntropyCase>(
      {{.l = 2100, .d = 512, .v = 40, .type = DType::bf16}, {.v = 5003}, {.l = 5, .v = 9001, .type = DType::bf16}});
  // More than one chunk.
  ASSERT_EQ(gpu_head_rows(66000), 2048);
  test_also<LinearCrossEntropyProblem, LinearCrossEntropyCase>(
      {{.l = 2048 + 3, .d = 8, .v = 66000, .type = DType::bf16, .unlabelled = 2040},
       {.l = 2048 + 3, .d = 8, .v = 66000, .type = DType::bf16, .first = true, .unlabelled = 2040}});
}
TEST_F(GpuGradients, RmsNormBackward) {
  test_op_cases_on(gpu_, without_benchmarks(rms_norm_backward_cases()));
  test_also<RmsNormBackwardProblem, RmsNormBackwardCase>({{.rows = 2100, .columns = 20},
                                                          {.rows = 2100, .columns = 16},
                                                          {.rows = 33, .columns = 256, .weighted = false},
                                                          {.rows = 1030, .columns = 600},
                                                          {.rows = 1030, .columns = 601},
                                                          {.rows = 3, .columns = 1026},
                                                          {.rows = 3, .columns = 4096},
                                                          {.rows = 1030, .columns = 4108},
                                                          {.rows = 5, .columns = 4611, .accumulate = true}});
  for (const int64_t columns : {16, 48, 100, 256, 512, 600, 601, 1024, 2048, 4096, 4611, 4612})
    test_also<RmsNormBackwardProblem, RmsNormBackwardCase>(
        {{.rows = 1030, .columns = columns, .accumulate = true, .dy_type = DType::bf16, .rounded = true}});
}
// Codes and exponents are the reference's bits.
TEST_F(GpuGradients, Adamw8bit) {
  test_op_cases_on(gpu_, without_benchmarks(adamw_8bit_cases()));
}
TEST_F(GpuGradients, NegativeExp) {
  test_op_cases_on(gpu_, negative_exp_cases());
}
TEST_F(GpuGradients, SumOfSquares) {
  test_op_cases_on(gpu_, without_benchmarks(sum_of_squares_cases()));
  test_also<SumOfSquaresProblem, int64_t>({(5 << 20) + 3});
}

TEST_F(GpuGradients, RmsNormBackwardWritesOverTheGradient) {
  for (const int64_t columns : {19, 48, 700, 4611}) {
    Stream stream(gpu_);
    CaseTensor x(DType::f32, {4, columns}, 1), dy(DType::f32, {4, columns}, 3), dx(DType::f32, {4, columns}, 4);
    for (CaseTensor* to : {&dx, &dy})
      rms_norm_backward(stream, {.dx = to->on(stream), .dy = dy.on(stream), .x = x.on(stream), .eps = 1e-5});
    stream.wait();
    EXPECT_TRUE(same_bytes(dx, dy)) << columns;
  }
}

TEST_F(GpuGradients, SumOfSquaresShowsNanAndInfinity) {
  for (const int64_t at : {0, 5, 40, 20000, 49999})
    for (const float bad : {INFINITY, NAN}) {
      Stream stream(gpu_);
      CaseTensor x(DType::f32, {50000}, 1), sum(DType::f64, {1}, 2);
      x.view().as<float>()[at] = bad;
      sum_of_squares(stream, sum.on(stream), x.on(stream));
      stream.wait();
      EXPECT_FALSE(std::isfinite(*sum.view().as<double>())) << bad << " at " << at;
    }
}

TEST_F(GpuGradients, ALogitThatIsNoNumberMakesALossThatIsNone) {
  constexpr int64_t v = 4099;
  for (const float bad : {NAN, INFINITY})
    for (const int64_t at : {0, 20, 4095, 4098}) {
      Stream stream(gpu_);
      CaseTensor weight(DType::f32, {v, 1}, 1), x(DType::f32, {1, 1}, 2, 1.0, 0.0), nats(DType::f32, {1, 1}, 3),
          lse(DType::f32, {1, 1}, 4);
      weight.view().as<float>()[at] = bad;
      const int32_t label = 1;
      linear_cross_entropy(stream, {.nats = nats.on(stream),
                                    .lse = lse.on(stream),
                                    .x = x.on(stream),
                                    .weight = weight.on(stream),
                                    .labels = {&label, 1}});
      stream.wait();
      EXPECT_FALSE(std::isfinite(*nats.view().as<float>())) << bad << " at " << at;
    }
}

// Moments of either format, and a step of AdamW with them; waits.
struct EitherMoments {
  explicit EitherMoments(int64_t count)
      : m(DType::f32, {count}, 11), v(DType::f32, {count}, 12, 1.0, 0.1), first(count, 13), second(count, 14) {}

  void step(Stream& stream, AdamwArgs args, bool coded) {
    if (coded) {
      adamw_8bit(stream, {.adamw = args, .moment1 = first.on(stream), .moment2 = second.on(stream)});
    } else {
      args.moment1 = m.on(stream);
      args.moment2 = v.on(stream);
      adamw(stream, args);
    }
    stream.wait();
  }

  CaseTensor m, v;
  Adamw8bitProblem::Moment first, second;
};

// A rate of zero moves nothing: what is joined for the step is split again, bit for bit, wherever the lower half lies.
TEST_F(GpuGradients, ASplitMasterIsThatMaster) {
  for (const int64_t count : {1, 7, 1028, 1027})
    for (const int64_t begin : {0, 1, 2, 4, 8})
      for (const bool coded : {false, true}) {
        SCOPED_TRACE(fmt::format("{} elements, low from {} on, {}", count, begin, coded ? "adamw_8bit" : "adamw"));
        Stream stream(gpu_);
        CaseTensor high(DType::bf16, {count}, 1), low(DType::u8, {2 * (begin + count)}, 2), g(DType::f32, {count}, 3);
        EitherMoments moments(count);
        for (int64_t i = 0; i < begin + count; ++i)  // between two bf16 where low begins, and elsewhere anything
          low.view().as<uint16_t>()[i] = static_cast<uint16_t>(0x8000 + (i - begin) * 40'503);
        const auto halves = [&] {
          const TensorView upper = high.view(), lower = low.view();
          std::vector<uint16_t> all(upper.as<uint16_t>(), upper.as<uint16_t>() + count);
          all.insert(all.end(), lower.as<uint16_t>(), lower.as<uint16_t>() + begin + count);
          return all;
        };
        const std::vector<uint16_t> before = halves();
        const AdamwArgs args{.parameter = {nullptr, DType::f32, Shape{count}},
                             .rounded = high.on(stream),
                             .low = {static_cast<uint16_t*>(low.on(stream).data) + begin, DType::u8, Shape{2 * count}},
                             .gradient = g.on(stream),
                             .lr = 0.0};
        moments.step(stream, args, coded);
        EXPECT_EQ(halves(), before);
        EXPECT_TRUE(high.guards_intact() && low.guards_intact());
      }
}

TEST_F(GpuGradients, ANormThatIsNoNumberMakesAStepThatIsNone) {
  Stream stream(gpu_);
  CaseTensor p(DType::f32, {5}, 1), m(DType::f32, {5}, 2), v(DType::f32, {5}, 3, 1.0, 0.1), g(DType::f32, {5}, 4),
      norm(DType::f64, {1}, 5, NAN);
  adamw(stream, {.parameter = p.on(stream),
                 .moment1 = m.on(stream),
                 .moment2 = v.on(stream),
                 .gradient = g.on(stream),
                 .squared_norm = norm.on(stream),
                 .max_norm = 1.0,
                 .lr = 0.01});
  stream.wait();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(std::isnan(p.view().as<float>()[i])) << i;
}
// Also where the products read the upper half alone.
TEST_F(GpuGradients, ANormThatIsNoNumberMakesSplitMastersNone) {
  for (const bool coded : {false, true}) {
    Stream stream(gpu_);
    CaseTensor high(DType::bf16, {5}, 1), low(DType::u8, {10}, 2), g(DType::f32, {5}, 3), norm(DType::f64, {1}, 4, NAN);
    EitherMoments moments(5);
    const AdamwArgs args{.parameter = {nullptr, DType::f32, {5}},
                         .rounded = high.on(stream),
                         .low = low.on(stream),
                         .gradient = g.on(stream),
                         .squared_norm = norm.on(stream),
                         .max_norm = 1.0,
                         .lr = 0.01};
    moments.step(stream, args, coded);
    for (int i = 0; i < 5; ++i)
      EXPECT_TRUE(std::isnan(load_element(high.view().data, DType::bf16, i))) << i << ", coded: " << coded;
  }
}

class GpuChoice : public GpuTest {
 protected:
  // Ids for rows of random logits, one choice for each.
  std::vector<int32_t> choose(const Backend& backend, const Tensor& logits, const std::vector<TokenChoice>& choices) {
    Stream stream(backend);
    const Tensor there = logits.copy_to(backend.place());
    std::vector<int32_t> ids(choices.size());
    choose_tokens(stream, ids, there.view(), choices);
    return ids;
  }

  static Tensor random_logits(int64_t rows, int64_t v, double deviation, bool coarse = false) {
    Tensor logits(DType::f32, {rows, v});
    const Rng rng(3);
    for (int64_t i = 0; i < rows * v; ++i) {
      const double value = deviation * rng.normal(static_cast<uint64_t>(i));
      logits.view().as<float>()[i] = static_cast<float>(coarse ? std::round(value) : value);
    }
    return logits;
  }

  Backend reference_ = open_backend(BackendKind::reference, 1);
};

// Draws so close to a border that rounding may choose are one in 10,000 at most.
TEST_F(GpuChoice, ChoosesAsTheReference) {
  const Rng rng(11);
  for (const int64_t v : {1, 31, 97, 1024, 65024})
    for (const bool coarse : {false, true}) {
      const int64_t rows = v > 10000 ? 24 : 200;
      const Tensor logits = random_logits(rows, v, 2.0, coarse);
      for (const TokenChoice& setting :
           {TokenChoice{.temperature = 0.0}, TokenChoice{}, TokenChoice{.temperature = 0.7, .top_k = 40},
            TokenChoice{.top_p = 0.9}, TokenChoice{.min_p = 0.05},
            TokenChoice{.temperature = 1.3, .top_p = 0.8, .min_p = 0.01, .top_k = 200},
            TokenChoice{.temperature = 1e-30}}) {
        std::vector<TokenChoice> choices(static_cast<size_t>(rows), setting);
        for (size_t i = 0; i < choices.size(); ++i) choices[i].drawn = rng.uniform(i);
        const auto got = choose(gpu_, logits, choices), wanted = choose(reference_, logits, choices);
        int64_t different = 0;
        for (size_t i = 0; i < got.size(); ++i) different += got[i] != wanted[i];
        EXPECT_LE(different, setting.temperature == 0.0 ? 0 : 1)
            << "v=" << v << " temperature=" << setting.temperature << " top_p=" << setting.top_p
            << " min_p=" << setting.min_p << " top_k=" << setting.top_k << (coarse ? " with equals" : "");
      }
    }
}

TEST_F(GpuChoice, RefusesRowsThatAreNoDistribution) {
  for (const float bad : {std::nanf(""), INFINITY, -INFINITY}) {
    Tensor logits = random_logits(2, 100, 1.0);
    float* const row = logits.view().as<float>() + 100;
    std::fill(row, row + (bad == -INFINITY ? 100 : 1), bad);  // one -inf is a token that cannot be
    EXPECT_THROW(choose(gpu_, logits, std::vector<TokenChoice>(2)), Error);
  }
}

}  // namespace
}  // namespace saker
