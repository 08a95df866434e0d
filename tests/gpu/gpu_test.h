// Tests that need a GPU; where there is none they are skipped, with the reason.
#pragma once

#include <gtest/gtest.h>

#include "device/gpu.h"
#include "ops/op_table.h"

namespace saker {

class GpuTest : public testing::Test {
 protected:
  void SetUp() override {
    if (list_gpus().empty()) GTEST_SKIP() << "no GPU: " << why_no_gpu();
    gpu_ = open_device("cuda");
  }

  Backend gpu_;
};

}  // namespace saker
