#include "transport/dtls_reception.hpp"

#include "base/limits.hpp"
#include "base/log.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <deque>

namespace drydock::transport {
namespace {

using namespace std::chrono_literals;

constexpr auto first_patience = 1s;         // RFC 6347 §4.2.4.1; doubled at each try
constexpr auto handshake_patience = 30s;    // devices wait up to 24 s between two tries of their own
constexpr auto least_chance = 3s;           // in a full house too: a device needs a second or two for its signature
constexpr std::size_t datagrams_kept = 8;   // of one guest, while the workshop is busy with it

Error explain(const std::optional<std::uint8_t>& alert, const char* otherwise) {
  if (!alert) return {Kind::refused, otherwise};
  return {Kind::refused, "it broke the handshake off with " + dtls::alert_name(*alert)};
}

}  // namespace

struct DtlsReception::Guest {
  Guest(dtls::Sign sign, const dtls::Draw& draw, UdpEndpoint from, Turnstile::Line in_line) : line(in_line), id(draw.connection_id), handshake(std::make_unique<dtls::ServerHandshake>(std::move(sign), draw)), address(std::move(from)) {}
  Turnstile::Line line;
  dtls::ConnectionId id;
  std::unique_ptr<dtls::ServerHandshake> handshake;   // in the workshop's hands while busy
  UdpEndpoint address;
  Bytes client_random;
  std::deque<Bytes> waiting;
  bool busy = false;
  Clock::time_point began = Clock::now();
  Clock::duration patience = first_patience;
  Clock::time_point again_at = Clock::now() + first_patience;
};

DtlsReception::DtlsReception(Services services) : services_(std::move(services)), cookies_(services_.random), clock_(std::in_place, services_.executor, [this] { look_round(); }) {}

DtlsReception::~DtlsReception() = default;

void DtlsReception::stop() {
  guests_.clear();
  clock_.reset();
}

bool DtlsReception::on_datagram(ByteView datagram, const UdpEndpoint& from) {
  ByteView rest = datagram;
  const auto record = dtls::take_record(rest);
  if (record && record->type == dtls::ContentType::handshake && record->epoch() == 0 && !record->fragment.empty() &&
      record->fragment[0] == static_cast<std::uint8_t>(dtls::HandshakeType::client_hello)) {
    on_client_hello(datagram, *record, from);
    return true;
  }
  const auto guest = guests_.find(from);
  if (guest == guests_.end()) return false;
  give(guest->second, datagram);
  return true;
}

void DtlsReception::on_client_hello(ByteView datagram, const dtls::Record& record, const UdpEndpoint& from) {
  ByteView content = record.fragment;
  const auto fragment = dtls::take_fragment(content);
  if (!fragment || !fragment->whole()) return;
  const auto hello = dtls::parse_client_hello(fragment->bytes);
  if (!hello) return;
  const auto address = to_text(from);
  if (!cookies_.check(hello->cookie, address, hello->random)) {
    dtls::HandshakeMessage request;
    request.type = dtls::HandshakeType::hello_verify_request;
    request.sequence = 0;
    request.body = dtls::hello_verify_request(cookies_.make(address, hello->random));
    // With the number of the ClientHello: nothing is kept from which to take another (RFC 6347 §4.2.1).
    return services_.send(dtls::plain_record(dtls::ContentType::handshake, record.number, request.encoded()), from);
  }
  auto known = guests_.find(from);
  if (known != guests_.end() && known->second->client_random != hello->random) {
    if (known->second->busy) return;   // or each such hello would be more work for the workshop: it comes again
    const auto gave_up = known->second;
    drop(from);
    known = guests_.end();
    services_.turned_away(explain(gave_up->handshake->alert(), "it begins a handshake again and again and never finishes it"), from);
  }
  if (known != guests_.end()) return give(known->second, datagram);
  const auto guest = make_guest(from);
  if (!guest) return;
  guest->client_random = hello->random;
  give(guest, datagram);
}

std::shared_ptr<DtlsReception::Guest> DtlsReception::make_guest(const UdpEndpoint& from) {
  const bool known = services_.knows_address(to_text(from));
  if (!(known ? of_known_ : of_strangers_).take(from.address(), Clock::now())) return nullptr;   // it comes again
  if (!make_room(from, known)) return nullptr;
  const dtls::Draw draw(services_.random);
  dtls::Sign sign = [&key = services_.key](ByteView digest) { return key.sign(digest); };
  auto guest = std::make_shared<Guest>(std::move(sign), draw, from, known ? Turnstile::Line::first : Turnstile::Line::second);
  guests_.emplace(from, guest);
  look_again_at(Clock::now() + first_patience);
  return guest;
}

// Strangers do not take all places, and give theirs up to a known address at once.
bool DtlsReception::make_room(const UdpEndpoint& for_whom, bool known) {
  const auto same_address = [&](const auto& entry) { return entry.first.address() == for_whom.address(); };
  const auto of_address = static_cast<std::size_t>(std::count_if(guests_.begin(), guests_.end(), same_address));
  const bool only_of_address = of_address >= limits::dtls_handshakes_per_address;
  const auto strangers = static_cast<std::size_t>(std::count_if(guests_.begin(), guests_.end(), [](const auto& entry) { return entry.second->line == Turnstile::Line::second; }));
  const bool strangers_full = !known && strangers >= limits::dtls_handshakes_of_strangers;
  if (guests_.size() < limits::dtls_handshakes && !only_of_address && !strangers_full) return true;
  auto oldest = guests_.end();
  for (auto entry = guests_.begin(); entry != guests_.end(); ++entry) {
    const bool stranger = entry->second->line == Turnstile::Line::second;
    if (entry->second->busy || (only_of_address && !same_address(*entry)) || (!known && !stranger)) continue;
    if (known && !only_of_address && stranger) {
      guests_.erase(entry);
      return true;
    }
    if (oldest == guests_.end() || entry->second->began < oldest->second->began) oldest = entry;
  }
  if (oldest == guests_.end() || Clock::now() - oldest->second->began < least_chance) return false;
  guests_.erase(oldest);
  return true;
}

void DtlsReception::look_again_at(Clock::time_point when) {
  looks_at_ = std::min(looks_at_, when);
  if (clock_) clock_->watch(looks_at_);
}

void DtlsReception::give(const std::shared_ptr<Guest>& guest, ByteView datagram) {
  if (guest->waiting.size() >= datagrams_kept) return;
  guest->waiting.emplace_back(datagram.begin(), datagram.end());
  if (std::exchange(guest->busy, true)) return;
  asio::co_spawn(services_.executor, work(guest), [this, guest](std::exception_ptr failed) {
    if (!failed) return;
    log::error("a handshake with {} ended by a fault of this program", to_text(guest->address));
    drop(guest->address);
  });
}

asio::awaitable<void> DtlsReception::work(std::shared_ptr<Guest> guest) {
  Result<dtls::Datagrams> answer;
  while (answer && !guest->waiting.empty() && !guest->handshake->established()) {
    const auto datagram = std::move(guest->waiting.front());
    guest->waiting.pop_front();
    const auto pass = co_await services_.handshakes.enter(guest->line);
    std::function<Result<dtls::Datagrams>()> step = [&guest, &datagram] { return guest->handshake->on_datagram(datagram); };
    answer = co_await crypto::offload(services_.workshop, std::move(step));
    if (!guests_.contains(guest->address) || guests_[guest->address] != guest) co_return;   // dropped meanwhile
    if (!answer) break;
    for (const auto& out : *answer) services_.send(out, guest->address);
    guest->patience = first_patience;
    guest->again_at = Clock::now() + first_patience;
  }
  guest->busy = false;
  if (!answer) {
    services_.send(dtls::plain_record(dtls::ContentType::alert, 0, dtls::fatal_alert(dtls::alert_handshake_failure)), guest->address);
    services_.turned_away(answer.error(), guest->address);
    drop(guest->address);
  } else if (guest->handshake->established()) {
    drop(guest->address);
    services_.received(guest->id, std::move(guest->handshake), guest->address);
  }
}

void DtlsReception::tidy_up() {
  if (!services_.workshop.pool()) return;   // a test's own thread
  asio::post(*services_.workshop.pool(), [] { crypto::release_ec_tables(); });
}

void DtlsReception::drop(const UdpEndpoint& address) { guests_.erase(address); }

// Flights that were not answered go out again; who never answers is let go.
void DtlsReception::look_round() {
  looks_at_ = Clock::time_point::max();
  if (guests_.empty()) return tidy_up();
  const auto now = Clock::now();
  auto next = Clock::time_point::max();
  for (auto entry = guests_.begin(); entry != guests_.end();) {
    const auto guest = entry->second;
    if (now - guest->began >= handshake_patience && !guest->busy) {
      entry = guests_.erase(entry);
      services_.turned_away(explain(guest->handshake->alert(), "it began a handshake and did not finish it"), guest->address);
      continue;
    }
    if (guest->again_at <= now && !guest->busy) {
      for (const auto& datagram : guest->handshake->flight_again()) services_.send(datagram, guest->address);
      guest->patience *= 2;
      guest->again_at = now + guest->patience;
    }
    next = std::min({next, std::max(guest->again_at, now + 100ms), std::max(guest->began + handshake_patience, now + 100ms)});
    ++entry;
  }
  look_again_at(guests_.empty() ? now + first_patience : next);
}

}  // namespace drydock::transport
