// A device that was given a claim code while it was set up is let in by it (PROTOCOL §4.12).
#include "crypto/hash.hpp"
#include "server/commands.hpp"
#include "server/device_server.hpp"
#include "store/claims.hpp"

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>

namespace drydock::server {
namespace {

// Only the beginning of its name is looked at; the device forgets its code then.
device::Event claimed() {
  device::Event event;
  event.name = "spark/device/claim/success";
  return event;
}

}  // namespace

void DeviceServer::take_claim_code(const transport::DeviceId& id, const std::string& code) {
  auto* entry = find(id);
  if (entry == nullptr || entry->device == nullptr) return;
  if (entry->row.approval == "approved") return entry->device->deliver(claimed());
  if (entry->row.approval != "pending" || !entry->claim_budget.take(Clock::now())) return;
  asio::co_spawn(services_.loop, claim_device(id, to_hex(crypto::sha256(view_of(code)))), asio::detached);
}

asio::awaitable<void> DeviceServer::claim_device(transport::DeviceId id, std::string code_sha256) {
  using Claimed = Result<std::string>;
  std::function<Claimed(store::Database&)> work = [device = id.text(), code = std::move(code_sha256),
                                                      now = utc_milliseconds()](store::Database& db) -> Claimed {
    const auto row = store::load_device(db, device);
    if (!row || row->approval != "pending") return failure(ErrorKind::conflict, "somebody decided about it meanwhile");
    const auto user = store::take_claim_code(db, code, now);
    if (!user) return failure(ErrorKind::not_found, "its claim code is unknown, was used, or is over");
    if (const auto approved = commands::approve(db, device, ""); !approved) return tl::unexpected(approved.error());
    return *user;
  };
  const auto done = co_await services_.writer.perform<Claimed>(std::move(work));
  const auto failed = !done ? done.error() : !*done ? done->error() : Error{};
  if (!done || !*done) {
    log::info("{}: not approved by its claim code: {}", id.text(), failed.message);
    co_return;
  }
  (void)co_await apply_changes();
  auto* entry = find(id);
  if (entry == nullptr) co_return;
  record(*entry, log::Level::notice, "approved",
      "approved by the claim code that it was set up with" + ((*done)->empty() ? "" : ", of " + **done));
  if (entry->device != nullptr) entry->device->deliver(claimed());
}

}  // namespace drydock::server
