// Codes by which a device that is being set up says that it belongs here (PROTOCOL §4.12).
#pragma once

#include "store/database.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace drydock::store {

struct ClaimCode {
  std::string code_sha256;
  std::string user;          ///< whose device it is to be; empty: the owner's
  std::int64_t expires = 0;  ///< UTC milliseconds: machines that share a database agree on no other
};
/// Of more than `most` those that end first go, and those that are over at `now`.
void add_claim_code(Database& db, const ClaimCode& code, std::int64_t now, int most);
/// Good once. The user; nothing: it is unknown, was used, or is over.
std::optional<std::string> take_claim_code(Database& db, const std::string& code_sha256, std::int64_t now);

}  // namespace drydock::store
