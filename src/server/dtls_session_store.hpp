// DTLS sessions in the store.
#pragma once

#include "store/ownership.hpp"
#include "store/writer.hpp"
#include "transport/dtls/session_store.hpp"

namespace drydock::server {

class DatabaseSessionStore final : public transport::SessionStore {
public:
  /// `node`: this machine among those that share the database, or 0.
  DatabaseSessionStore(store::Writer& writer, std::int64_t node) : writer_(writer), node_(node) {}

  asio::awaitable<Result<void>> save(transport::PersistedSession session) override;
  void save_soon(transport::PersistedSession session) override;
  void forget(const transport::dtls::ConnectionId& id) override;

  /// What an earlier run kept, each with a range of sequence numbers that nobody used. Once, before anything is sent.
  asio::awaitable<Result<std::vector<transport::PersistedSession>>> load_and_reserve();

  /// Sessions that a datagram with this key may be of.
  asio::awaitable<Result<std::vector<transport::PersistedSession>>> find(transport::SessionKey key);
  /// Takes a device for this node, with its session and a range of sequence numbers that nobody used.
  struct TakenUp {
    std::optional<transport::PersistedSession> session;  ///< empty: the device may not come in, or is taken elsewhere
    bool held_elsewhere = false;                         ///< another machine has it still, which is told
  };
  asio::awaitable<Result<TakenUp>> take_up(std::string device_id, store::Want want);
  /// Devices with a session whose update runs, and that no machine has.
  asio::awaitable<Result<std::vector<std::string>>> unfinished();

private:
  store::Writer& writer_;
  std::int64_t node_;
};

}  // namespace drydock::server
