#include "crypto/random.hpp"

#include <stdexcept>
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/random.h>

namespace drydock::crypto {

struct SystemRandom::Impl {
  WC_RNG rng;
};

SystemRandom::SystemRandom() : impl_(std::make_unique<Impl>()) {
  if (wc_InitRng(&impl_->rng) != 0) throw std::runtime_error("no random numbers from the operating system");
}

SystemRandom::~SystemRandom() {
  wc_FreeRng(&impl_->rng);
}

void SystemRandom::fill(std::span<std::uint8_t> into) {
  if (wc_RNG_GenerateBlock(&impl_->rng, into.data(), static_cast<word32>(into.size())) != 0)
    throw std::runtime_error("the random number generator failed");
}

}  // namespace drydock::crypto
