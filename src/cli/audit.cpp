#include "base/log.hpp"
#include "cli/open_store.hpp"
#include "server/state_words.hpp"
#include "cli/table.hpp"
#include "server/policies_json.hpp"

#include <fmt/core.h>

namespace drydock::cli {

int audit(const Context& context, int most, bool csv) {
  auto db = open_to_read(context);
  auto rows = store::load_audit(db, 0, most + 1);
  const bool more = rows.size() > static_cast<std::size_t>(most);
  if (more) rows.pop_back();
  if (csv) {
    fmt::print("{}", server::audit_as_csv(rows));
    return 0;
  }
  if (context.json) {
    fmt::print("{}\n", server::audit_as_json(rows, more));
    return 0;
  }
  if (rows.empty()) {
    fmt::print("Nobody has changed anything yet.\n");
    return 0;
  }
  std::vector<std::vector<std::string>> lines{{"WHEN", "WHO", "BY", "WHAT", ""}};
  for (const auto& row : rows)
    lines.push_back(
        {local_time(row.at), log::printable(row.who), row.via, log::printable(row.what), log::printable(row.outcome)});
  fmt::print("{}", table(lines));
  if (more) fmt::print("… and earlier ones: see --most\n");
  return 0;
}

}  // namespace drydock::cli
