#include "ops/mixer_step/mixer_step.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "ops/mixer_step/mixer_step_cases.h"
#include "ops/op_table.h"

namespace saker {
namespace {

MixerStepCase small(int64_t b, int64_t slots = 9) {
  return {.b = b, .biases = true, .d = 16, .e = 32, .n = 4, .r = 8, .slots = slots};
}

TEST(MixerStep, TheReferenceServesUpToSoManyRows) {
  Stream stream(open_backend(BackendKind::reference, 1));
  MixerStepProblem most(small(kWideStepRows, kWideStepRows + 1)), beyond(small(kWideStepRows + 1, kWideStepRows + 2));
  EXPECT_NO_THROW(most.run(stream));
  EXPECT_THROW(beyond.run(stream), Error);
}

TEST(MixerStep, RowsWithoutASlotAreForManyRows) {
  Stream stream(open_backend(BackendKind::reference, 1));
  MixerStepCase few = small(kMixerStepRows), many = small(kMixerStepRows + 1, kMixerStepRows + 2);
  few.without_slot = many.without_slot = 1;
  MixerStepProblem of_few(few), of_many(many);
  EXPECT_THROW(of_few.run(stream), Error);
  EXPECT_NO_THROW(of_many.run(stream));
}

TEST(MixerStep, RejectsASlotOfTwoRows) {
  Stream stream(open_backend(BackendKind::reference, 1));
  MixerStepProblem twice(small(2, 1));
  EXPECT_THROW(twice.run(stream), Error);
}

// What a row becomes does not depend on the others.
TEST(MixerStep, RowsAreOfTheirOwn) {
  Stream stream(open_backend(BackendKind::reference, 1));
  MixerStepProblem alone(small(1)), among(small(5));
  alone.run(stream);
  among.run(stream);
  const CaseTensor &one = *alone.outputs()[0].tensor, &five = *among.outputs()[0].tensor;
  for (int64_t i = 0; i < one.view().columns(); ++i)
    EXPECT_EQ(one.view().as<float>()[i], five.view().as<float>()[i]) << i;
}

}  // namespace
}  // namespace saker
