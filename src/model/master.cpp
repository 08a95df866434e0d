#include "model/master.h"

#include "device/on_host.h"
#include "ops/adamw/split_master.h"

namespace saker {

Tensor master_on_host(const MasterView& view, Place place) {
  if (!view.is_split()) return fetch(view.value, place);
  const OnHost high(view.high, place), low(view.low, place);
  Tensor joined(DType::f32, view.value.shape);
  for (int64_t i = 0; i < view.value.shape.elements(); ++i)
    joined.view().as<uint32_t>()[i] = joined_master({high.view().as<uint16_t>()[i], low.view().as<uint16_t>()[i]});
  return joined;
}

}  // namespace saker
