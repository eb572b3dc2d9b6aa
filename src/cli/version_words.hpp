#pragma once

#include <string>

namespace drydock::cli {
/// Version, build id, and the libraries it runs with: what a report of a fault should begin with.
std::string version_words();
}  // namespace drydock::cli
