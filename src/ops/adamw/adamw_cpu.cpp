#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/adamw/adamw_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>

#include "device/cpu/parallel.h"
#include "device/cpu/simd-inl.h"
#include "ops/adamw/adamw.h"

#ifndef SAKER_ADAMW_FACTORS
#define SAKER_ADAMW_FACTORS
namespace saker {
// What of a step is the same for every element, made in double and rounded once.
struct AdamwFactors {
  float gradient, keep1, add1, keep2, add2, decay, rate, correction2, eps;

  explicit AdamwFactors(const AdamwArgs& args)
      : gradient(static_cast<float>(adamw_gradient_factor(args))),
        keep1(static_cast<float>(args.beta1)),
        add1(static_cast<float>(1.0 - args.beta1)),
        keep2(static_cast<float>(args.beta2)),
        add2(static_cast<float>(1.0 - args.beta2)),
        decay(static_cast<float>(1.0 - args.lr * args.weight_decay)),
        rate(static_cast<float>(args.lr / (1.0 - std::pow(args.beta1, static_cast<double>(args.step))))),
        correction2(static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(args.beta2, static_cast<double>(args.step))))),
        eps(static_cast<float>(args.eps)) {}
};
}  // namespace saker
#endif

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {

void adamw_range(const AdamwArgs& args, const AdamwFactors& factors, int64_t begin, int64_t end) {
  const F32 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  float *parameter = args.parameter.as<float>(), *first = args.moment1.as<float>(), *second = args.moment2.as<float>();
  const float* gradient = args.gradient.as<float>();
  BFloat16* rounded = args.rounded.as<BFloat16>();
  const auto update = [&](int64_t i, const auto& load, const auto& store) HWY_ATTR {
    const VecF32 g = hn::Mul(load(gradient + i), hn::Set(d, factors.gradient));
    const VecF32 m = hn::MulAdd(load(first + i), hn::Set(d, factors.keep1), hn::Mul(g, hn::Set(d, factors.add1)));
    const VecF32 v =
        hn::MulAdd(load(second + i), hn::Set(d, factors.keep2), hn::Mul(hn::Mul(g, g), hn::Set(d, factors.add2)));
    const VecF32 root = hn::MulAdd(hn::Sqrt(v), hn::Set(d, factors.correction2), hn::Set(d, factors.eps));
    const VecF32 p = hn::NegMulAdd(hn::Div(m, root), hn::Set(d, factors.rate),
                                   hn::Mul(load(parameter + i), hn::Set(d, factors.decay)));
    store(m, first + i);
    store(v, second + i);
    store(p, parameter + i);
    if (rounded) store(p, rounded + i);
  };
  int64_t i = begin;
  for (; i + lanes <= end; i += lanes)
    update(
        i, [&](const float* from) HWY_ATTR { return load_f32(d, from); },
        [&](VecF32 v, auto* to) HWY_ATTR { store_f32(v, d, to); });
  if (i == end) return;
  const auto rest = static_cast<size_t>(end - i);
  update(
      i, [&](const float* from) HWY_ATTR { return load_tail_f32(d, from, rest); },
      [&](VecF32 v, auto* to) HWY_ATTR { store_tail_f32(v, d, to, rest); });
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker {
HWY_EXPORT(adamw_range);

namespace cpu {

void adamw(Stream& stream, const AdamwArgs& args) noexcept {
  const AdamwFactors factors(args);
  parallel_for(stream.threads(), args.parameter.shape.elements(), 4096, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(adamw_range)(args, factors, begin, end);
  });
}

}  // namespace cpu
}  // namespace saker
#endif
