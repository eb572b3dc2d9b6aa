// What the library knows of a module, as text columns: dependencies as [[function,index,version],…].
#pragma once

#include "firmware/library.hpp"

namespace drydock::store {
std::string dependencies_to_json(const std::vector<firmware::Dependency>& dependencies);
std::vector<firmware::Dependency> dependencies_from_json(const std::string& json);
std::string second_module_to_json(const firmware::ModuleInfo& second_module);
/// Nothing when it cannot be read.
std::optional<firmware::ModuleInfo> second_module_from_json(const std::string& json);
}  // namespace drydock::store
