// The page's files, embedded in the binary from web/.
#pragma once

#include "base/embedded.hpp"

#include <optional>
#include <string>

namespace drydock::web {

/// By file name, without any path; nothing when there is none.
std::optional<EmbeddedFile> asset(std::string_view name);
/// For the Content-Type header.
std::string media_type(std::string_view name);

}  // namespace drydock::web
