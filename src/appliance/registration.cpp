// How a device comes to be known here: which key its handshake is held with, who joins those that wait for approval, and whom a proved key
// belongs to.
#include "appliance/admission.hpp"
#include "appliance/appliance.hpp"
#include "appliance/berth.hpp"
#include "appliance/enrolment.hpp"
#include "appliance/server_keys.hpp"
#include "base/text.hpp"

#include <fmt/core.h>

namespace drydock::appliance {
Result<Bytes> Appliance::admit(const transport::Claim& claim, const std::string&) {
  auto admission = consider(claim, fleet_, configuration_.policy);
  if (admission.answer == Admission::Answer::turned_away) return failure(Kind::conflict, admission.words);
  return std::move(admission.key);
}

// It has proved to own this key. Which of several is the right one is for a person to say, who needs it to stay in sight.
Error Appliance::refuse_key(FleetMember& member, const Bytes& key) {
  auto& row = member.row;
  auto words = fmt::format("came from elsewhere with another key than the one on file, {}. If its keys were renewed on purpose, run 'drydock devices approve {} --new-key {}'",
                           fingerprint(key), row.id, short_fingerprint(key));
  const bool is_new = row.changed_key != key;
  if (is_new && member.changed_keys.take(Clock::now())) {
    row.changed_key = key;
    row.changed_key_seen = utc_milliseconds();
    touch(member);
    journal_.changed_key(row.id, key);
    record(member, log::Level::warning, "changed_key", words);
  }
  return {Kind::closed, std::move(words)};
}

// Room among those that wait for approval, which somebody else may have to give up.
Result<void> Appliance::enrol(const transport::Claim& claim, const std::string& address) {
  const auto id = claim.id.text();
  if (configuration_.policy == Policy::closed) return failure(Kind::conflict, fmt::format("device {} is unknown", id));
  if (!enrolments_.take(address, Clock::now())) return failure(Kind::conflict, fmt::format("too many new devices come from {}: those that come now are turned away for a while", address));
  if (configuration_.policy == Policy::open) return {};
  const auto place = find_place(fleet_, address, claim.public_key);
  if (!place.refusal.empty()) return failure(Kind::conflict, fmt::format("a new device was turned away: {}. 'drydock devices forget --pending' makes room", place.refusal));
  if (!place.yields) return {};
  auto& yields = fleet_.at(*place.yields);
  if (yields.channel != nullptr) yields.channel->close();
  journal_.forget(yields.row.id);
  fleet_.erase(*place.yields);
  return {};
}

// A device that was reset connects anew before its old connection is known to be gone. Two devices with one id do that to each
// other for ever.
void Appliance::note_replaced(FleetMember& member) {
  const auto now = Clock::now();
  auto& times = member.replaced;
  times.push_back(now);
  std::erase_if(times, [&](const auto time) { return time + limits::replaced_time < now; });
  if (times.size() < static_cast<std::size_t>(limits::replaced_connections)) return;
  record(member, log::Level::warning, "replaced",
         fmt::format("connected anew {} times within {} minutes while its connection before was still in use: either it is reset over and over, or two devices have this id and key", times.size(),
                     std::chrono::duration_cast<std::chrono::minutes>(limits::replaced_time).count()));
  times.clear();
}

asio::awaitable<Result<std::unique_ptr<device::Berth>>> Appliance::berth(const transport::Claim& claim, const device::Hello& hello,
                                                                         transport::Channel& channel) {
  const auto address = without_port(channel.peer());
  // Again, and with no await before the registration: others may have come between the handshake and this.
  if (auto* known = find(claim.id)) {
    if (known->row.approval == "refused") co_return failure(Kind::conflict, fmt::format("device {} was refused by a person", known->row.id));
    if (!same_key(known->row.public_key, claim.public_key)) {
      auto refused = refuse_key(*known, claim.public_key);
      co_return tl::unexpected(std::move(refused));
    }
  } else if (const auto enrolled = enrol(claim, address); !enrolled) {
    co_return tl::unexpected(enrolled.error());
  }
  auto [entry, is_new] = fleet_.try_emplace(claim.id);
  auto& member = entry->second;
  const auto now = utc_milliseconds();
  if (is_new) {
    member.row.id = claim.id.text();
    member.row.public_key = claim.public_key;
    member.row.first_seen = now;
    member.row.enrolled = running_.now();
    member.row.approval = configuration_.policy == Policy::open ? "approved" : "pending";
  }
  if (member.channel != nullptr) {
    record(member, log::Level::info, "connected", "a new connection replaces the old one");
    note_replaced(member);
    member.channel->close();
  }
  member.channel = &channel;
  member.connection = ++connections_;
  member.transfer.reset();
  member.session_known = !channel.reliable();
  auto& row = member.row;
  row.platform = hello.platform;
  row.product_id = hello.product_id;
  row.product_version = hello.product_version;
  row.system_version = hello.system_version;
  row.hello_flags = hello.flags;
  row.address = address;
  row.safe_mode = false;
  row.last_seen = now;
  touch(member);
  if (is_new) touch_structure();

  auto berth = std::make_unique<ApplianceBerth>(*this, claim.id, member.connection);
  if (is_new) journal_.record(log::Level::notice, {row.id, "first_seen", fmt::format("a new device ({}) connected from {}", firmware::platform_name(row.platform), row.address)});
  else record(member, log::Level::info, "connected", fmt::format("connected from {}", row.address));
  if (member.stored) {
    row.connected = true;
    save(member);
    co_return berth;
  }
  // The row of one that waits for approval is not touched again until then: it must not say "connected" for ever.
  auto first = row;
  row.connected = true;
  first.connected = row.approval == "approved";
  const auto saved = co_await journal_.add(std::move(first));
  if (!saved) co_return tl::unexpected(saved.error());
  if (auto* still_there = find(claim.id)) still_there->stored = true;
  co_return berth;
}

}  // namespace drydock::appliance
