#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/adamw/adamw_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>

#include "device/cpu/parallel.h"
#include "device/cpu/simd-inl.h"
#include "ops/adamw/adamw.h"
#include "ops/adamw/whole_master.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {

// Elements [begin, end). What is common to all of them is computed in double and rounded once.
void adamw_elements(const AdamwArgs& args, int64_t begin, int64_t end) {
  const F32 d;
  const auto set = [&](double value) HWY_ATTR { return hn::Set(d, static_cast<float>(value)); };
  const double step = static_cast<double>(args.step);
  const VecF32 factor = set(adamw_gradient_factor(args));
  const VecF32 keep1 = set(args.beta1), take1 = set(1.0 - args.beta1);
  const VecF32 keep2 = set(args.beta2), take2 = set(1.0 - args.beta2);
  const VecF32 rate = set(args.lr / (1.0 - std::pow(args.beta1, step)));
  const VecF32 correction2 = set(1.0 / (1.0 - std::pow(args.beta2, step)));
  const VecF32 eps = set(args.eps), decay = set(args.lr * args.weight_decay);
  auto* parameter = args.parameter.as<float>();
  auto* moment1 = args.moment1.as<float>();
  auto* moment2 = args.moment2.as<float>();
  auto* rounded = args.rounded.as<BFloat16>();
  const auto* gradient = args.gradient.as<float>();

  for_vectors(begin, end, [&](int64_t i, const auto& vector) HWY_ATTR {
    const VecF32 g = hn::Mul(vector.load(d, gradient + i), factor);
    const VecF32 m = hn::MulAdd(keep1, vector.load(d, moment1 + i), hn::Mul(take1, g));
    const VecF32 v = hn::MulAdd(keep2, vector.load(d, moment2 + i), hn::Mul(take2, hn::Mul(g, g)));
    const VecF32 ratio = hn::Div(hn::Mul(rate, m), hn::Add(hn::Sqrt(hn::Mul(v, correction2)), eps));
    const VecF32 old = vector.load(d, parameter + i);
    // p is rounded once; 1 - lr weight_decay would be rounded as well, to the same side at every step.
    const VecF32 p = hn::Sub(old, hn::MulAdd(decay, old, ratio));
    vector.store(m, d, moment1 + i);
    vector.store(v, d, moment2 + i);
    vector.store(p, d, parameter + i);
    if (rounded) vector.store(p, d, rounded + i);
  });
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker {
HWY_EXPORT(adamw_elements);

namespace cpu {

void adamw(Stream& stream, const AdamwArgs& args) noexcept {
  if (args.low) return cpu::adamw(stream, WholeMaster(stream, args).args());
  parallel_for(stream.threads(), args.parameter.shape.elements(), 1024, [&](int64_t begin, int64_t end) {
    HWY_DYNAMIC_DISPATCH(adamw_elements)(args, begin, end);
  });
}

}  // namespace cpu
}  // namespace saker
#endif
