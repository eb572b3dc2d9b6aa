// Files that the build put into the binary (tools/embed.py).
#pragma once

#include <span>
#include <string_view>

namespace drydock {

struct EmbeddedFile {
  std::string_view name;
  std::string_view content;
};

}  // namespace drydock
