#include "server/state_words.hpp"

#include "store/device_list.hpp"

#include <array>
#include <fmt/format.h>
#include <map>

namespace drydock::server {

std::string state_name(const std::string& shown_state) {
  static const std::map<std::string, std::string> names{{"unknown", "not heard of yet"},
      {"awaiting_approval", "waits for approval"}, {"parked", "failed, needs attention"},
      {"updates_disabled", "updates disabled"}, {"unknown_key", "came with another key"}, {"current", "up to date"},
      {"held", "paused"}, {"blocked", "misses a file"}, {"away", "not seen for a long time"}};
  const auto found = names.find(shown_state);
  return found == names.end() ? shown_state : found->second;
}

std::string counted_state(const std::string& shown_state, std::int64_t count) {
  static const std::map<std::string, std::string> several{{"awaiting_approval", "wait for approval"},
      {"parked", "failed"}, {"blocked", "miss a file"}, {"updating", "being updated"}};
  static const std::map<std::string, std::string> one{{"parked", "failed"}, {"updating", "being updated"}};
  const auto& names = count == 1 ? one : several;
  const auto found = names.find(shown_state);
  return fmt::format("{} {}", count, found == names.end() ? state_name(shown_state) : found->second);
}

std::vector<std::string> device_states() {
  return {"unknown", "away", "awaiting_approval", "refused", "unknown_key", "held", "current", "updating", "waiting",
      "blocked", "parked", "updates_disabled"};
}

std::span<const char* const> states_that_need_a_person() {
  static constexpr std::array states{"unknown_key", "awaiting_approval", "parked", "blocked", "away"};
  return states;
}

std::string state_in_words(const store::DeviceRow& row, std::int64_t away_before) {
  const auto state = store::shown_state(row, away_before);
  if (state == "away")
    return "not seen for a long time; before: " + (row.state_words.empty() ? state_name(row.state) : row.state_words);
  if (state == "unknown_key") return "came with another key than the one on file, and was refused";
  if (state == "awaiting_approval" || state == "refused" || row.state_words.empty()) return state_name(state);
  return row.state_words;
}

}  // namespace drydock::server
