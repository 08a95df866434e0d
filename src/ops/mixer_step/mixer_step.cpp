#include "ops/mixer_step/mixer_step.h"

#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

bool mixer_step(Stream& stream, const MixerStepArgs& args) {
  if (!stream.ops().mixer_step) return false;
  const int64_t b = args.residual.rows();
  if (b == 0 || b > kWideStepRows || static_cast<int64_t>(args.segments.size()) != b) return false;
  for (int64_t t = 0; t < b; ++t) {
    const Segment& segment = args.segments[static_cast<size_t>(t)];
    const bool has_slot = segment.slot != kNoSlot || b > kMixerStepRows;
    if (segment.begin != t || segment.length != 1 || !has_slot) return false;
  }
  const OpCheck check("mixer_step", stream.backend());
  const int64_t d = args.residual.columns(), e = args.u.columns(), n = args.A.rows(), k = args.conv_weight.rows(),
                r = args.dt_proj.columns(), s = args.ssm.shape[0];
  const auto optional = [&](std::string_view argument, const ConstTensorView& bias, int64_t outputs) {
    if (bias) check.shape(argument, bias, {outputs});
  };
  check.shape("norm", args.norm, {d});
  check.shape("in_proj", args.in_proj, {2 * e, d});
  optional("in_proj_bias", args.in_proj_bias, 2 * e);
  check.shape("x_proj", args.x_proj, {r + 2 * n, e});
  check.shape("dt_proj", args.dt_proj, {e, r});
  check.shape("dt_bias", args.dt_bias, {e});
  check.shape("out_proj", args.out_proj, {d, e});
  optional("out_proj_bias", args.out_proj_bias, d);
  check.shape("conv_weight", args.conv_weight, {k, e});
  optional("conv_bias", args.conv_bias, e);
  check.shape("A", args.A, {n, e});
  check.shape("D", args.D, {e});
  check.shape("conv", args.conv, {s, k - 1, e});
  check.shape("ssm", args.ssm, {s, n, e});
  check.shape("z", args.z, {b, e});
  check.activation("z", args.z);
  check.shape("u", args.u, {b, e});
  check.shape("y", args.y, {b, e});
  check.segments(args.segments, b, s);
  return stream.ops().mixer_step(stream, args);
}

}  // namespace saker
