#include "model/master.h"

#include "device/on_host.h"
#include "ops/adamw/split_master_tensors.h"

namespace saker {

Tensor master_on_host(const MasterView& view, Place place) {
  if (!view.is_split()) return fetch(view.value, place);
  const OnHost high(view.high, place), low(view.low, place);
  Tensor joined(DType::f32, view.value.shape);
  join_tensor(joined.view(), high.view(), low.view());
  return joined;
}

}  // namespace saker
