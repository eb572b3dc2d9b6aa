// The parts of a multipart/form-data body (RFC 7578), as particle-cli, particle-api-js and curl send them.
#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace drydock::web {

struct Part {
  std::string name;
  std::string filename;      ///< as it was sent: never a path here; empty for a plain field
  std::string_view content;  ///< into the body
};

/// `content_type` as the header has it, with the boundary. ErrorKind::malformed when there is none, a part has no name
/// or the last one does not end; at most 32 parts.
Result<std::vector<Part>> parse_multipart(std::string_view content_type, std::string_view body);

}  // namespace drydock::web
