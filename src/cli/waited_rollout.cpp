#include "base/clock.hpp"
#include "base/log.hpp"
#include "cli/api_client.hpp"
#include "cli/open_store.hpp"
#include "cli/standing.hpp"
#include "server/commands.hpp"
#include "server/rollouts_json.hpp"
#include "store/rollouts.hpp"

#include <fmt/core.h>

namespace drydock::cli {
namespace {

using nlohmann::json;

struct Look {
  json rollout;  ///< as the API tells of it: openapi.json, Rollout
  bool running = true;
  bool paused = false;  ///< all updates
};

Result<Look> look_here(const Context& context, std::int64_t id) {
  auto db = open_to_read(context);
  auto row = store::load_rollout(db, id);
  if (!row) return failure(ErrorKind::not_found, fmt::format("no rollout {}: see 'drydock rollouts list'", id));
  return Look{json::parse(server::rollout_as_json(*row)), is_running(context, db), server::commands::is_paused(db)};
}

Result<Look> look_elsewhere(ApiClient& api, std::int64_t id) {
  const auto rollout = api.get(fmt::format("rollouts/{}", id));
  if (!rollout && rollout.error().kind == ErrorKind::not_found)
    return failure(ErrorKind::not_found, fmt::format("no rollout {} there", id));
  if (!rollout) return tl::unexpected(rollout.error());
  const auto status = api.get("status");
  if (!status) return tl::unexpected(status.error());
  if (!rollout->contains("stage") || !status->contains("paused")) return tl::unexpected(no_drydock(api.url()));
  return Look{*rollout, true, flag_of(*status, "paused")};
}

Standing standing_of(const Look& seen, std::int64_t id) {
  Standing standing;
  standing.running = seen.running;
  const auto stage = text_of(seen.rollout, "stage");
  const auto rollout = fmt::format("rollout {} of '{}'", id, log::printable(text_of(seen.rollout, "release")));
  std::size_t total = 0;
  std::size_t healthy = 0;
  std::size_t failed = 0;
  for (const auto& device : list_of(seen.rollout, "devices")) {
    if (!device.is_object()) continue;
    const auto at = text_of(device, "stage");
    ++total;
    if (at == "healthy") {
      ++healthy;
      continue;
    }
    failed += at == "failed";
    const auto name = text_of(device, "name");
    const auto why = text_of(device, at == "failed" ? "words" : "state");
    standing.missing.push_back(fmt::format("{}: {}{}", log::printable(name.empty() ? text_of(device, "id") : name), at,
        why.empty() ? "" : ", " + log::printable(why)));
    standing.left.push_back({{"id", text_of(device, "id")}, {"name", name}, {"state", at}, {"state_words", why}});
  }
  standing.words = fmt::format("{}: {} of {} devices run it", rollout, healthy, total);
  if (stage == "done")
    standing.reached = fmt::format("{} is done: {} of {} devices run it{}", rollout, healthy, total,
        failed == 0 ? "" : fmt::format(", {} failed", failed));
  else if (stage == "stopped")
    standing.stuck.push_back(
        fmt::format("{} has stopped by itself: {}", rollout, log::printable(text_of(seen.rollout, "words"))));
  else if (stage == "paused")
    standing.stuck.push_back(fmt::format("{} is paused: 'drydock rollouts resume {}' lets it go on", rollout, id));
  else if (stage != "running")
    standing.stuck.push_back(fmt::format("{} was taken back, or given up: {}", rollout, log::printable(stage)));
  else if (seen.paused)
    standing.stuck.push_back(rollout + " " + paused_words);
  return standing;
}

}  // namespace

Result<StandingSource> standing_of_rollout(const Context& context, const WaitOptions& options) {
  std::function<Result<Look>()> look;
  if (options.remote.url.empty()) {
    look = [context, id = options.rollout] { return look_here(context, id); };
  } else {
    auto api = ApiClient::open(options.remote, "read");
    if (!api) return tl::unexpected(api.error());
    look = [api = std::make_shared<ApiClient>(std::move(*api)), id = options.rollout] {
      return look_elsewhere(*api, id);
    };
  }
  if (const auto there = look(); !there) return tl::unexpected(there.error());
  return StandingSource([look, id = options.rollout]() -> Result<Standing> {
    const auto seen = look();
    if (!seen) return tl::unexpected(seen.error());
    return standing_of(*seen, id);
  });
}

}  // namespace drydock::cli
