#include "crypto/library.hpp"

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

namespace drydock::crypto {
const char* library_version() {
  return wolfSSL_lib_version();
}
}  // namespace drydock::crypto
