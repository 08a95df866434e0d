#include "ops/adamw/adamw.h"

#include <cmath>
#include <tuple>

#include "ops/check.h"
#include "ops/op_table.h"

namespace saker {

namespace {

void check_adamw(const OpCheck& check, const AdamwArgs& args) {
  const int64_t elements = args.parameter.shape.elements();
  for (const auto& [name, view] :
       {std::pair("moment1", ConstTensorView(args.moment1)), std::pair("moment2", ConstTensorView(args.moment2)),
        std::pair("gradient", args.gradient)}) {
    check.elements(name, view, elements);
    check.contiguous(name, view);
    check.activation(name, view);
  }
  check_adamw_settings(check, args);
}

auto common_settings(const AdamwArgs& args) {
  return std::tuple(args.squared_norm.data, args.max_norm, args.gradient_scale, args.lr, args.beta1, args.beta2,
                    args.eps, args.step);
}

}  // namespace

void adamw(Stream& stream, const AdamwArgs& args) {
  adamw(stream, std::span(&args, 1));
}

void adamw(Stream& stream, std::span<const AdamwArgs> list) {
  const OpCheck check("adamw", stream.backend());
  for (const AdamwArgs& args : list) {
    check_adamw(check, args);
    check.that(common_settings(args) == common_settings(list[0]), "one setting for all tensors of a list", "another");
  }
  stream.ops().adamw(stream, list);
}

void check_adamw_settings(const OpCheck& check, const AdamwArgs& args) {
  const int64_t elements = args.parameter.shape.elements();
  check.contiguous("parameter", args.parameter);
  check.activation("parameter", args.parameter);
  if (args.low) {
    check.elements("low", args.low, 2 * elements);
    check.contiguous("low", args.low);
    check.same_type("low", args.low, DType::u8);
    check.that(static_cast<bool>(args.rounded), "rounded, the upper half, beside low", "none");
  }
  if (args.rounded) {
    check.elements("rounded", args.rounded, elements);
    check.contiguous("rounded", args.rounded);
    check.same_type("rounded", args.rounded, DType::bf16);
  }
  if (args.squared_norm) {
    check.shape("squared_norm", args.squared_norm, {1});
    check.same_type("squared_norm", args.squared_norm, DType::f64);
  }
  check.that(args.step >= 1, "step >= 1", args.step);
  check.that(args.max_norm >= 0.0, "max_norm >= 0", args.max_norm);
  check.that(args.beta1 >= 0.0 && args.beta1 < 1.0, "beta1 in [0, 1)", args.beta1);
  check.that(args.beta2 >= 0.0 && args.beta2 < 1.0, "beta2 in [0, 1)", args.beta2);
  check.that(args.eps >= 0.0, "eps >= 0", args.eps);
  check.that(args.lr >= 0.0, "lr >= 0", args.lr);
  check.that(args.weight_decay >= 0.0, "weight_decay >= 0", args.weight_decay);
  check.that(args.gradient_scale > 0.0, "gradient_scale > 0", args.gradient_scale);
}

double adamw_gradient_factor(const AdamwArgs& args) noexcept {
  if (!args.squared_norm || args.max_norm == 0.0) return args.gradient_scale;
  const double norm = args.gradient_scale * std::sqrt(*args.squared_norm.as<double>());
  // Not min(): a norm that is no number makes a step that is none.
  return norm <= args.max_norm ? args.gradient_scale : args.gradient_scale * (args.max_norm / norm);
}

}  // namespace saker
