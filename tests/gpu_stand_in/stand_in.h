// A GPU that is none, for the host's side of what runs on one: it takes the place of device/cuda in a test program.
//
// Its memory is out of the host's reach (a touch ends the program) but while its work is done; work is done when
// somebody waits, not before, and in order. So whatever reads too early, writes too late, or takes memory of a GPU for
// the host's, shows. The operations are those of the CPU, bit for bit.
#pragma once

#include <functional>
#include <utility>

#include "device/gpu.h"

namespace saker {

// Puts work on a stream.
void put_on_stand_in(GpuStream& stream, std::function<void()> work);
// Bytes of its memory that are allocated.
size_t stand_in_bytes() noexcept;

}  // namespace saker
