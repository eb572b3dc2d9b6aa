// Which connections have to go when there are too many: whoever holds most gives way to who holds fewer.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace drydock::web {

struct ConnectionLimits {
  int per_known = 0;            ///< of an address from which somebody has logged in
  int per_unknown_address = 0;  ///< of any other
  int unknown_addresses = 0;    ///< of all the others together
};

struct Place {
  std::string address;
  bool known = false;  ///< somebody has logged in from there
  bool busy = false;   ///< a request is being answered on it; others wait, or are kept for a next one
};

/// Who counts as one: an IPv4 address, or the /64 of an IPv6 address, of which a household has all.
std::string network_of(const std::string& address);

/// Indices into `places`, which are in the order in which they came. Of an address, and among the unknown ones of the
/// address that holds most, the one that has been silent for longest goes; the newest where none is silent.
std::vector<std::size_t> places_to_give_up(const std::vector<Place>& places, const ConnectionLimits& limits);

}  // namespace drydock::web
