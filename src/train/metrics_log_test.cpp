#include "train/metrics_log.h"

#include <gtest/gtest.h>

#include "core/temporary_folder.h"
#include "io/read_file.h"

namespace saker {
namespace {

TEST(MetricsLog, AppendsLines) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "metrics.jsonl";
  {
    MetricsLog log(path, 0);
    log.write({{"step", 1}, {"loss", 2.5}});
    log.write({{"step", 2}, {"loss", NAN}});
    log.sync();
  }
  EXPECT_EQ(read_file(path), "{\"step\":1,\"loss\":2.5}\n{\"step\":2,\"loss\":null}\n");
}

TEST(MetricsLog, GoesBackToAStep) {
  const TemporaryFolder folder;
  const auto path =
      folder.write("metrics.jsonl", "{\"step\":1}\n{\"step\":2}\nnonsense\n[1]\n{\"step\":3}\n{\"step\":1");
  MetricsLog log(path, 2);
  log.write({{"step", 3}, {"again", true}});
  EXPECT_EQ(read_file(path), "{\"step\":1}\n{\"step\":2}\n{\"step\":3,\"again\":true}\n");
}

TEST(MetricsLog, SaysWhereItCannotBe) {
  EXPECT_NE(error_of([] { MetricsLog("/nowhere/metrics.jsonl", 0); }).find("/nowhere/metrics.jsonl"),
            std::string::npos);
}

TEST(MetricsLog, AFullDiskIsAnError) {
  MetricsLog log("/dev/full", 0);
  EXPECT_NE(error_of([&] { log.write({{"step", 1}}); }).find("No space left"), std::string::npos);
}

}  // namespace
}  // namespace saker
