// Speaks to a Drydock's API over HTTP, from another machine.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "integrations/libcurl.hpp"

#include <nlohmann/json.hpp>
#include <string>

namespace drydock::cli {

class ApiClient {
public:
  /// `url`: of the page. `ca`: a PEM file with its certificate, or who signed it; empty: who the system trusts.
  ApiClient(const integrations::Libcurl& curl, std::string url, std::string token, std::string ca);

  /// The answer's JSON. The error's message is the server's, or why it was not reached.
  Result<nlohmann::json> post(const std::string& path, ByteView body, const char* type);
  /// As a part of a query.
  std::string escaped(const std::string& text) const;

private:
  const integrations::Libcurl& curl_;
  std::string url_;
  std::string token_;
  std::string ca_;
};

}  // namespace drydock::cli
