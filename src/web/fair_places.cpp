#include "web/fair_places.hpp"

#include <algorithm>
#include <asio/ip/address_v6.hpp>
#include <map>

namespace drydock::web {

std::string network_of(const std::string& address) {
  asio::error_code error;
  const auto v6 = asio::ip::make_address_v6(address, error);
  if (error) return address;
  if (v6.is_v4_mapped()) return asio::ip::make_address_v4(asio::ip::v4_mapped, v6).to_string();
  auto bytes = v6.to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
  return asio::ip::address_v6(bytes).to_string();
}

std::vector<std::size_t> places_to_give_up(const std::vector<Place>& places, const ConnectionLimits& limits) {
  std::vector<std::size_t> given_up;
  std::map<std::string, std::vector<std::size_t>> of_address;
  for (std::size_t i = 0; i < places.size(); ++i) of_address[network_of(places[i].address)].push_back(i);
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
    // Of those that hold equally many, the one whose silent connection is the oldest; where none is silent, who came
    // last.
    std::vector<std::size_t>* largest = nullptr;
    const auto first_silent = [&](const std::vector<std::size_t>& held) {
      const auto found = std::find_if(held.begin(), held.end(), [&](std::size_t i) { return !places[i].busy; });
      return found == held.end() ? places.size() : *found;
    };
    for (auto& [address, held] : of_address)
      if (!held.empty() && !places[held.front()].known &&
          (largest == nullptr || held.size() > largest->size() ||
              (held.size() == largest->size() &&
                  std::pair(first_silent(held), largest->back()) < std::pair(first_silent(*largest), held.back()))))
        largest = &held;
    if (largest == nullptr) break;
    give_up_one(*largest);
  }
  return given_up;
}

}  // namespace drydock::web
