// Where bytes lie: in the memory of the host, or in that of a GPU.
#pragma once

namespace saker {

struct Place {
  int gpu = -1;  // index of the GPU; -1: the host

  bool on_host() const noexcept { return gpu < 0; }
  bool operator==(const Place&) const = default;
};

inline constexpr Place kHost{};

}  // namespace saker
