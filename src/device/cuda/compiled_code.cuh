// What of this build a GPU runs.
#pragma once

namespace saker::cuda {

// The compute capability that the kernels which run on the thread's current GPU were compiled for, as 10 major + minor;
// 0 if there are none for it. Code for older GPUs runs on newer ones, without what these alone have.
int compiled_capability() noexcept;

}  // namespace saker::cuda
