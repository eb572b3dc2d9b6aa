// A request's head as CivetWeb has read it, and the response to it.
#pragma once

#include "web/http.hpp"

#include <string_view>

struct mg_connection;

namespace drydock::web {

/// Header lines of every response: nothing is loaded from elsewhere, nothing runs that is not a file of ours, nobody
/// frames the page.
extern const std::string_view security_headers;

/// Without the body, which is not read yet.
Request read_head(const mg_connection* connection);

/// `keep_alive`: whether the connection is good for another request. HEAD gets no body.
void send(mg_connection* connection, const Response& response, bool keep_alive);

}  // namespace drydock::web
