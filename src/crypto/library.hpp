#pragma once

namespace drydock::crypto {
/// wolfSSL's, as it runs.
const char* library_version();
}  // namespace drydock::crypto
