// A request and its answer, without a server: what the API's functions take and give.
#pragma once

#include "base/result.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace drydock::web {

struct Request {
  std::string method;                          ///< "GET"
  std::string path;                            ///< decoded, without the query
  std::string query;                           ///< still encoded
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  std::string peer;                            ///< IP address

  const std::string& header(const std::string& name) const;   ///< empty when there is none
  std::string cookie(const std::string& name) const;
  std::string parameter(const std::string& name) const;       ///< from the query, decoded
};

struct Response {
  int status = 200;
  std::string type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
};

/// An error as RFC 9457 has it: application/problem+json.
Response problem(int status, const std::string& title, const std::string& detail = "");
/// The status that fits the kind of failure.
Response problem(const Error& error);
/// 204.
Response done();

}  // namespace drydock::web
