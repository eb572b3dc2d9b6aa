// Finds the modules that a device lacks, and an order in which it takes them: each behind what it needs, none so that
// another installed module would lose what that one needs. One pass; plan.cpp puts several together.
#pragma once

#include "planning/plan.hpp"

namespace drydock::planning {

struct ResolverOptions {
  /// Modules that exist but are not in the library; taken where the library has nothing that will do. The result is not
  /// to be sent if it contains one of those.
  const firmware::Library* known_releases = nullptr;
  /// The application will be replaced later: what it needs does not count.
  bool ignore_user_parts = false;
};

/// What is missing is named as far as it is known at the first place where the search ended.
Plan resolve(const firmware::Inventory& installed, const firmware::Library& library, const Targets& targets,
    const ResolverOptions& options = {});

/// Bootloaders, system and user parts, radio stacks and network co-processors.
bool is_plannable(firmware::Function function);

}  // namespace drydock::planning
