// Devices that are not connected: where they stand changes with the library and with what people say.
#include "server/absent_state.hpp"
#include "server/device_server.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

namespace drydock::server {

void DeviceServer::restate_absent() {
  restate_again_ = true;
  if (std::exchange(restating_, true)) return;
  asio::co_spawn(services_.loop, restate_absent_devices(), asio::detached);
}

asio::awaitable<void> DeviceServer::restate_absent_devices() {
  while (restate_again_ && !stopping_) {
    restate_again_ = false;
    const auto library = std::make_shared<const firmware::Library>(library_);
    std::string after;
    bool changed = false;
    do {
      std::function<RestatedPage(store::Database&)> work = [library, after](store::Database& db) {
        return server::restate_absent_devices(db, *library, after);
      };
      auto page = co_await services_.writer.perform<RestatedPage>(std::move(work));
      if (!page) break;
      for (auto& restated : page->devices) {
        changed = true;
        const auto id = transport::DeviceId::parse(restated.device_id);
        auto* entry = id ? find(*id) : nullptr;
        if (entry == nullptr || entry->channel != nullptr) continue;
        entry->row.state = std::move(restated.state);
        entry->row.state_words = std::move(restated.words);
        mark_changed(*entry);
      }
      after = page->next;
    } while (!after.empty() && !restate_again_ && !stopping_);
    if (changed) mark_membership_changed();
  }
  restating_ = false;
}

}  // namespace drydock::server
