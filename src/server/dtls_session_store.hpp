// DTLS sessions in the store.
#pragma once

#include "store/writer.hpp"
#include "transport/dtls/session_store.hpp"

namespace drydock::server {

class DatabaseSessionStore final : public transport::SessionStore {
public:
  explicit DatabaseSessionStore(store::Writer& writer) : writer_(writer) {}

  asio::awaitable<Result<void>> save(transport::PersistedSession session) override;
  void save_soon(transport::PersistedSession session) override;
  void forget(const transport::dtls::ConnectionId& id) override;

  /// What an earlier run kept, each with a range of sequence numbers that nobody used. Once, before anything is sent.
  asio::awaitable<Result<std::vector<transport::PersistedSession>>> load_and_reserve();

private:
  store::Writer& writer_;
};

}  // namespace drydock::server
