// Who asked for a change through the web server, and how it ended.
#pragma once

#include "web/authentication.hpp"
#include "web/http.hpp"
#include "service/loop_bridge.hpp"

namespace drydock::web {

/// Written down soon behind the change, so that what is lost with the database is this line alone. `what`: without
/// secrets.
void note_change(
    service::LoopBridge& bridge, const Identity& who, const char* via, std::string what, const Response& response);

}  // namespace drydock::web
