// Where somebody goes who came to the page without TLS.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drydock::web {

/// The value of a request's header, by its name in small letters; empty when it is not there.
std::string_view header_of(std::string_view head, std::string_view name);
/// The answer to a request that came without TLS: to where it would have been heard with it. `head`: its first lines;
/// `hosts`: see is_own_host().
std::string redirection(std::string_view head, const std::vector<std::string>& hosts);

}  // namespace drydock::web
