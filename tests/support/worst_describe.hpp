// The costliest Describe that fits: as many modules with as many needs, functions and variables as there is room for.
#pragma once

#include "base/bytes.hpp"

#include <fmt/core.h>
#include <string>

namespace drydock::testing {

/// JSON for a Photon. Another `variation` needs other versions.
inline Bytes worst_describe(int variation, int module_count = 64, int needs_each = 16, int name_count = 100) {
  std::string modules, functions, variables;
  for (int m = 0; m < module_count; ++m) {
    std::string needs;
    for (int d = 0; d < needs_each; ++d)
      needs += fmt::format(
          "{}{{\"f\":\"s\",\"n\":\"{}\",\"v\":{}}}", d ? "," : "", 3 + (m * needs_each + d) % 250, 1000 + variation);
    modules +=
        fmt::format("{}{{\"f\":\"u\",\"n\":\"{}\",\"v\":6,\"l\":\"m\",\"vc\":30,\"vv\":30,\"u\":\"{}\",\"d\":[{}]}}",
            m ? "," : "", m + 1, std::string(64, 'a'), needs);
  }
  for (int i = 0; i < name_count; ++i) functions += fmt::format("{}\"{}{}\"", i ? "," : "", std::string(60, 'f'), i);
  for (int i = 0; i < name_count; ++i) variables += fmt::format("{}\"{}{}\":2", i ? "," : "", std::string(60, 'v'), i);
  const auto text = fmt::format("{{\"p\":6,\"m\":[{}],\"f\":[{}],\"v\":{{{}}}}}", modules, functions, variables);
  return Bytes(text.begin(), text.end());
}

}  // namespace drydock::testing
