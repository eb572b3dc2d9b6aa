// Where a running service listens: written by it, for the commands and pages that tell people.
#pragma once

#include "state/state_folder.hpp"

#include <optional>

namespace drydock::state {

struct Listening {
  std::uint16_t tcp_port = 0;
  std::uint16_t udp_port = 0;
};

/// ErrorKind::storage.
Result<void> save_listening(const StateFolder& folder, const Listening& listening);
/// Of the service that runs, or ran last; nothing where none has.
std::optional<Listening> load_listening(const StateFolder& folder);

struct PageListening {
  std::uint16_t port = 0;
  bool tls = false;
};
/// As above, of the page.
Result<void> save_page_listening(const StateFolder& folder, const PageListening& page);
std::optional<PageListening> load_page_listening(const StateFolder& folder);

/// This machine's IPv4 addresses that a device could reach.
std::vector<std::string> own_addresses();

}  // namespace drydock::state
