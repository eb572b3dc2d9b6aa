#include "cli/open_store.hpp"
#include "crypto/random.hpp"
#include "web/authentication.hpp"

#include <fmt/core.h>

namespace drydock::cli {

int password_reset(const Context& context) {
  require_state(folder_of(context));
  auto db = open_to_write(context);
  crypto::SystemRandom random;
  std::string code;
  const auto changed = db.transact([&](store::Database& open) -> Result<void> {
    code = web::reset_password(open, random);
    return {};
  });
  if (!changed) return print_error(changed.error().message);
  folder_of(context).touch_changed();
  fmt::print(
      "The page has no password any more, and everybody who was logged in is out; users and API tokens are gone "
      "too.\nOpen it "
      "and set a new password with the set-up code {}.\n",
      code);
  return 0;
}

}  // namespace drydock::cli
