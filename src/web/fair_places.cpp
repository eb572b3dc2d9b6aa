#include "web/fair_places.hpp"

#include <algorithm>
#include <map>

namespace drydock::web {

std::vector<std::size_t> places_to_give_up(const std::vector<Place>& places, const ConnectionLimits& limits) {
  std::vector<std::size_t> given_up;
  std::map<std::string, std::vector<std::size_t>> of_address;
  for (std::size_t i = 0; i < places.size(); ++i) of_address[places[i].address].push_back(i);
  const auto give_up_one = [&](std::vector<std::size_t>& held) {
    auto leaves = std::find_if(held.begin(), held.end(), [&](std::size_t i) { return !places[i].busy; });
    if (leaves == held.end()) leaves = std::prev(held.end());
    given_up.push_back(*leaves);
    held.erase(leaves);
  };
  int unknown = 0;
  for (auto& [address, held] : of_address) {
    const bool known = places[held.front()].known;
    const auto most = static_cast<std::size_t>(known ? limits.per_known : limits.per_unknown_address);
    while (held.size() > most) give_up_one(held);
    if (!known) unknown += static_cast<int>(held.size());
  }
  for (; unknown > limits.unknown_addresses; --unknown) {
    // Of those that hold equally many, the one whose silent connection is the oldest.
    std::vector<std::size_t>* largest = nullptr;
    const auto first_silent = [&](const std::vector<std::size_t>& held) {
      const auto found = std::find_if(held.begin(), held.end(), [&](std::size_t i) { return !places[i].busy; });
      return found == held.end() ? places.size() : *found;
    };
    for (auto& [address, held] : of_address)
      if (!held.empty() && !places[held.front()].known &&
          (largest == nullptr || held.size() > largest->size() ||
              (held.size() == largest->size() && first_silent(held) < first_silent(*largest))))
        largest = &held;
    if (largest == nullptr) break;
    give_up_one(*largest);
  }
  return given_up;
}

}  // namespace drydock::web
