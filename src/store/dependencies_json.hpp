// Dependencies as one text column: [[function,index,version],…].
#pragma once

#include "firmware/module.hpp"

namespace drydock::store {
std::string dependencies_to_json(const std::vector<firmware::Dependency>& dependencies);
std::vector<firmware::Dependency> dependencies_from_json(const std::string& json);
}  // namespace drydock::store
