#include <cmath>

#include "ops/adamw/adamw.h"
#include "ops/adamw/whole_master.h"

namespace saker::reference {

void adamw(Stream& stream, const AdamwArgs& args) noexcept {
  if (args.low) return reference::adamw(stream, WholeMaster(stream, args).args());
  const double factor = adamw_gradient_factor(args);
  const double correction1 = 1.0 - std::pow(args.beta1, static_cast<double>(args.step));
  const double correction2 = 1.0 - std::pow(args.beta2, static_cast<double>(args.step));
  const auto at = [](const ConstTensorView& view, int64_t i) { return load_element(view.data, view.dtype, i); };
  for (int64_t i = 0; i < args.parameter.shape.elements(); ++i) {
    const double g = factor * at(args.gradient, i);
    const double m = args.beta1 * at(args.moment1, i) + (1.0 - args.beta1) * g;
    const double v = args.beta2 * at(args.moment2, i) + (1.0 - args.beta2) * g * g;
    const double p = at(args.parameter, i) * (1.0 - args.lr * args.weight_decay) -
                     args.lr * (m / correction1) / (std::sqrt(v / correction2) + args.eps);
    store_element(args.moment1.data, args.moment1.dtype, i, m);
    store_element(args.moment2.data, args.moment2.dtype, i, v);
    store_element(args.parameter.data, args.parameter.dtype, i, p);
    // From the parameter as it is kept: what casting it later would give.
    if (args.rounded) store_element(args.rounded.data, args.rounded.dtype, i, at(args.parameter, i));
  }
}

}  // namespace saker::reference
