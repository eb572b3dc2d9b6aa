#include "store/claims.hpp"

#include "store/statement.hpp"

namespace drydock::store {

void add_claim_code(Database& db, const ClaimCode& code, std::int64_t now, int most) {
  Statement add(db, "INSERT INTO claim_codes (code_sha256, user_name, expires) VALUES (?, ?, ?)");
  add.bind(1, code.code_sha256);
  add.bind(2, code.user);
  add.bind(3, code.expires);
  add.execute();
  Statement trim(db,
      "DELETE FROM claim_codes WHERE expires <= ? OR code_sha256 NOT IN (SELECT code_sha256 FROM claim_codes ORDER BY "
      "expires DESC LIMIT ?)");
  trim.bind(1, now);
  trim.bind(2, most);
  trim.execute();
}

std::optional<std::string> take_claim_code(Database& db, const std::string& code_sha256, std::int64_t now) {
  Statement s(db, "DELETE FROM claim_codes WHERE code_sha256 = ? AND expires > ? RETURNING user_name");
  s.bind(1, code_sha256);
  s.bind(2, now);
  if (!s.step()) return std::nullopt;
  auto user = s.text(0);
  s.execute_rest();
  return user;
}

}  // namespace drydock::store
