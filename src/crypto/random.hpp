// Randomness is passed in, so that tests and the simulator can say what it will be.
#pragma once

#include "base/bytes.hpp"

#include <memory>

namespace drydock::crypto {

class Random {
public:
  virtual ~Random() = default;
  virtual void fill(std::span<std::uint8_t> into) = 0;

  Bytes bytes(std::size_t size) {
    Bytes out(size);
    fill(out);
    return out;
  }
};

/// wolfCrypt's DRBG, seeded by the operating system. Not for two threads at once.
/// The constructor throws std::runtime_error when there is no entropy.
class SystemRandom final : public Random {
public:
  SystemRandom();
  ~SystemRandom() override;
  void fill(std::span<std::uint8_t> into) override;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace drydock::crypto
