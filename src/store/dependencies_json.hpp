// What the catalogue knows of a module, as text columns: dependencies as [[function,index,version],…].
#pragma once

#include "firmware/catalogue.hpp"

namespace drydock::store {
std::string dependencies_to_json(const std::vector<firmware::Dependency>& dependencies);
std::vector<firmware::Dependency> dependencies_from_json(const std::string& json);
std::string companion_to_json(const firmware::ModuleFacts& companion);
/// Nothing when it cannot be read.
std::optional<firmware::ModuleFacts> companion_from_json(const std::string& json);
}  // namespace drydock::store
