#include "server/dtls_session_store.hpp"

#include "base/clock.hpp"
#include "store/devices.hpp"
#include "store/dtls_sessions.hpp"
#include "store/nodes.hpp"
#include "store/ownership.hpp"

#include <algorithm>

namespace drydock::server {
namespace {

using transport::PersistedSession;

constexpr std::uint64_t first_reservation = 1024;

store::DtlsSessionRow row_of(const PersistedSession& session) {
  store::DtlsSessionRow row;
  row.id.assign(session.id.begin(), session.id.end());
  row.device_id = session.device.text();
  row.keys = session.state.keys.key_block();
  row.uses_connection_id = session.state.connection_id.has_value();
  row.client_key = session.state.client_key;
  row.reserved = session.reserved;
  row.received_next = session.state.received.next();
  row.received_seen = session.state.received.seen();
  row.address = session.address;
  row.port = session.port;
  row.hello_payload = session.hello_payload;
  return row;
}

std::optional<PersistedSession> session_of(const store::DtlsSessionRow& row) {
  PersistedSession session;
  const auto device = transport::DeviceId::parse(row.device_id);
  if (!device || row.id.size() != session.id.size() || row.keys.size() != transport::dtls::key_block_size)
    return std::nullopt;
  std::copy(row.id.begin(), row.id.end(), session.id.begin());
  session.device = *device;
  session.state.keys = transport::dtls::Keys(row.keys);
  if (row.uses_connection_id) session.state.connection_id = session.id;
  session.state.client_key = row.client_key;
  session.state.next_to_send = row.reserved;
  session.state.received = transport::dtls::ReplayWindow(row.received_next, row.received_seen);
  session.reserved = row.reserved + first_reservation;
  session.address = row.address;
  session.port = row.port;
  session.hello_payload = row.hello_payload;
  return session;
}

}  // namespace

asio::awaitable<Result<void>> DatabaseSessionStore::save(PersistedSession session) {
  const auto now = utc_milliseconds();
  std::function<void(store::Database&)> work = [row = row_of(session), now, node = node_](store::Database& db) {
    store::require_node(db, row.device_id, node);
    if (node != 0 && store::is_reserved_beyond(db, row.id, row.reserved))
      throw store::NotOwner("another machine went on with this session");
    store::save_dtls_session(db, row, now);
  };
  co_return co_await writer_.perform(std::move(work));
}

void DatabaseSessionStore::save_soon(PersistedSession session) {
  const auto now = utc_milliseconds();
  writer_.post([row = row_of(session), now, node = node_](store::Database& db) {
    const bool ours = node == 0 || !store::is_reserved_beyond(db, row.id, row.reserved);
    if (ours && store::has_device(db, row.device_id, node)) store::save_dtls_session(db, row, now);
  });
}

void DatabaseSessionStore::forget(const transport::dtls::ConnectionId& id) {
  writer_.post([id = Bytes(id.begin(), id.end()), node = node_](
                   store::Database& db) { store::forget_dtls_session(db, id, node); });
}

asio::awaitable<Result<std::vector<PersistedSession>>> DatabaseSessionStore::load_and_reserve() {
  using Rows = std::vector<store::DtlsSessionRow>;
  std::function<Rows(store::Database&)> work = [](store::Database& db) {
    return store::load_and_reserve_dtls_sessions(db, first_reservation);
  };
  const auto rows = co_await writer_.perform<Rows>(std::move(work));
  if (!rows) co_return tl::unexpected(rows.error());
  std::vector<PersistedSession> sessions;
  for (const auto& row : *rows)
    if (auto session = session_of(row)) sessions.push_back(std::move(*session));
  co_return sessions;
}

asio::awaitable<Result<std::vector<PersistedSession>>> DatabaseSessionStore::find(transport::SessionKey key) {
  using Rows = std::vector<store::DtlsSessionRow>;
  std::function<Rows(store::Database&)> work = [key = std::move(key)](store::Database& db) {
    const auto id = key.id ? Bytes(key.id->begin(), key.id->end()) : Bytes();
    return store::find_dtls_sessions(db, id, key.device ? key.device->text() : "", key.address, key.port);
  };
  const auto rows = co_await writer_.read<Rows>(std::move(work));
  if (!rows) co_return tl::unexpected(rows.error());
  std::vector<PersistedSession> sessions;
  for (const auto& row : *rows)
    if (auto session = session_of(row)) sessions.push_back(std::move(*session));
  co_return sessions;
}

asio::awaitable<Result<DatabaseSessionStore::TakenUp>> DatabaseSessionStore::take_up(
    std::string device_id, store::Want want) {
  std::function<TakenUp(store::Database&)> work = [device_id, want, node = node_](store::Database& db) {
    TakenUp taken;
    const auto device = store::load_device(db, device_id);
    if (!device || device->approval != "approved") return taken;
    if (!store::claim_device(db, device_id, node, want)) {
      taken.held_elsewhere = true;
      return taken;
    }
    // Behind the claim: whoever had it before has written how far it read.
    if (const auto row = store::reserve_dtls_session(db, device_id, first_reservation))
      taken.session = session_of(*row);
    return taken;
  };
  co_return co_await writer_.perform<TakenUp>(std::move(work));
}

asio::awaitable<Result<std::vector<std::string>>> DatabaseSessionStore::unfinished() {
  std::function<std::vector<std::string>(store::Database&)> work = store::unowned_unfinished_devices;
  co_return co_await writer_.read<std::vector<std::string>>(std::move(work));
}

}  // namespace drydock::server
