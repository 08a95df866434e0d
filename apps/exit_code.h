// What the binary's exit codes mean: docs of every command rely on them.
#pragma once

namespace saker::apps {

enum ExitCode : int { kDone = 0, kFailed = 1, kWrongUsage = 2, kInterrupted = 130 };

}  // namespace saker::apps
