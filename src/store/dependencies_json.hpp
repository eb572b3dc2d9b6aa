// What the library knows of a module, as text columns: dependencies as [[function,index,version],…].
#pragma once

#include "firmware/library.hpp"

namespace drydock::store {
std::string dependencies_to_json(const std::vector<firmware::Dependency>& dependencies);
std::vector<firmware::Dependency> dependencies_from_json(const std::string& json);
std::string second_module_to_json(const firmware::ModuleInfo& second_module);
/// What the module brings and needs of assets; empty when that is nothing.
std::string assets_to_json(const firmware::LibraryModule& module);
void assets_from_json(const std::string& json, firmware::LibraryModule& module);
/// Nothing when it cannot be read.
std::optional<firmware::ModuleInfo> second_module_from_json(const std::string& json);
}  // namespace drydock::store
