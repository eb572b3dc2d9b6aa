#include "state/listening.hpp"

#include "firmware/files.hpp"

#include <arpa/inet.h>
#include <fstream>
#include <fmt/core.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

namespace drydock::state {
namespace {

std::filesystem::path file_of(const StateFolder& folder) {
  return folder.root / "listening";
}

}  // namespace

Result<void> save_listening(const StateFolder& folder, const Listening& listening) {
  const auto text = fmt::format("{} {}\n", listening.tcp_port, listening.udp_port);
  return firmware::write_file(file_of(folder), view_of(text));
}

std::optional<Listening> load_listening(const StateFolder& folder) {
  std::ifstream file(file_of(folder));
  Listening listening;
  if (!(file >> listening.tcp_port >> listening.udp_port)) return std::nullopt;
  return listening;
}

Result<void> save_page_listening(const StateFolder& folder, const PageListening& page) {
  return firmware::write_file(folder.root / "page_listening", view_of(fmt::format("{} {}\n", page.port, page.tls)));
}

std::optional<PageListening> load_page_listening(const StateFolder& folder) {
  std::ifstream file(folder.root / "page_listening");
  PageListening page;
  if (!(file >> page.port >> std::boolalpha >> page.tls)) return std::nullopt;
  return page;
}

std::vector<std::string> own_addresses() {
  std::vector<std::string> found;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return found;
  for (const auto* i = list; i != nullptr; i = i->ifa_next) {
    if (i->ifa_addr == nullptr || i->ifa_addr->sa_family != AF_INET || (i->ifa_flags & IFF_LOOPBACK) ||
        !(i->ifa_flags & IFF_UP))
      continue;
    char text[INET_ADDRSTRLEN];
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(i->ifa_addr)->sin_addr, text, sizeof text);
    found.emplace_back(text);
  }
  ::freeifaddrs(list);
  return found;
}

}  // namespace drydock::state
