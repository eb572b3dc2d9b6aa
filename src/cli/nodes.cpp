#include "base/clock.hpp"
#include "cli/open_store.hpp"
#include "cli/table.hpp"
#include "server/as_json.hpp"
#include "store/nodes.hpp"

#include <fmt/core.h>

namespace drydock::cli {

int nodes_list(const Context& context) {
  auto db = open_to_read(context);
  const auto now = utc_milliseconds();
  const auto nodes = store::load_nodes(db);
  if (context.json) {
    fmt::print("{}\n", server::nodes_as_json(nodes));
    return 0;
  }
  if (db.engine() == store::Engine::sqlite) {
    fmt::print(
        "This machine alone: a database of SQLite's is for one. Several share a PostgreSQL ('drydock store move').\n");
    return 0;
  }
  if (nodes.empty()) {
    fmt::print("No Drydock runs on this database.\n");
    return 0;
  }
  std::vector<std::vector<std::string>> lines{{"MACHINE", "VERSION", "CONNECTED", "UPDATING", "STARTED", "SEEN"}};
  for (const auto& node : nodes)
    lines.push_back({node.name, node.version, std::to_string(node.connected), std::to_string(node.updating),
        ago(node.started, now), ago(node.seen, now)});
  fmt::print("{}", table(lines));
  return 0;
}

}  // namespace drydock::cli
