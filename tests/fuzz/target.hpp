// What all fuzz targets share: the entry (FUZZ_TARGET chooses which function), and a check that ends the process.
#pragma once

#include "base/bytes.hpp"

#include <cstdlib>

namespace {
inline void require(bool holds) {
  if (!holds) std::abort();
}

/// Takes pieces off the front of what the fuzzer brings; zeros when it is used up.
class Input {
public:
  explicit Input(drydock::ByteView bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  std::uint8_t byte() { return bytes_.empty() ? std::uint8_t{0} : take(1)[0]; }
  std::uint16_t number() { return static_cast<std::uint16_t>(byte() << 8 | byte()); }
  drydock::ByteView take(std::size_t size) {
    const auto piece = bytes_.first(std::min(size, bytes_.size()));
    bytes_ = bytes_.subspan(piece.size());
    return piece;
  }
  template <class Array>
  void fill(Array& to) {
    for (auto& b : to) b = byte();
  }

private:
  drydock::ByteView bytes_;
};
}  // namespace

#define FUZZ_ENTRY                                                                    \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    FUZZ_TARGET({data, size});                                                        \
    return 0;                                                                         \
  }
