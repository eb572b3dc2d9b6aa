// Which address of a name answers: libmosquitto tries the first one alone when it must not wait.
#pragma once

#include "base/result.hpp"

#include <functional>
#include <string>

namespace drydock::integrations {

struct ReachableAddress {
  std::string address;
  bool is_first = true;  ///< of those the name has
};
/// Tries one after the other, each for a few seconds, until `stopping` says true. ErrorKind::closed, in words.
Result<ReachableAddress> find_reachable_address(
    const std::string& host, int port, const std::function<bool()>& stopping);

}  // namespace drydock::integrations
