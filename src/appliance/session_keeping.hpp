// DTLS sessions in the store.
#pragma once

#include "store/writer.hpp"
#include "transport/session_keeper.hpp"

namespace drydock::appliance {

class SessionKeeping final : public transport::SessionKeeper {
public:
  explicit SessionKeeping(store::Writer& writer) : writer_(writer) {}

  asio::awaitable<Result<void>> keep(transport::KeptSession session) override;
  void keep_soon(transport::KeptSession session) override;
  void forget(const transport::dtls::ConnectionId& id) override;

  /// What an earlier run kept, each with a range of sequence numbers that nobody used. Once, before anything is sent.
  asio::awaitable<Result<std::vector<transport::KeptSession>>> take_up();

private:
  store::Writer& writer_;
};

}  // namespace drydock::appliance
