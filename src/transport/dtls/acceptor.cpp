#include "transport/dtls/acceptor.hpp"

#include "base/limits.hpp"
#include "base/log.hpp"
#include "transport/handshake_metrics.hpp"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/post.hpp>
#include <deque>

namespace drydock::transport {
namespace {

using namespace std::chrono_literals;

constexpr auto initial_retransmission_timeout = 1s;  // RFC 6347 §4.2.4.1; doubled at each try
constexpr auto handshake_idle_timeout = 30s;         // devices wait up to 24 s between two tries of their own
constexpr auto min_handshake_time = 3s;    // at the limit too: a device needs a second or two for its signature
constexpr std::size_t datagrams_kept = 8;  // of one handshake, while the workers are busy with it

Error explain(const std::optional<std::uint8_t>& alert, const char* otherwise) {
  if (!alert) return {ErrorKind::refused, otherwise};
  return {ErrorKind::refused, "it broke the handshake off with " + dtls::alert_name(*alert)};
}

}  // namespace

struct DtlsAcceptor::PendingHandshake {
  PendingHandshake(
      dtls::Sign sign, const dtls::HandshakeRandom& draw, UdpEndpoint from, AsyncSemaphore::Priority in_line)
      : priority(in_line),
        id(draw.connection_id),
        handshake(std::make_unique<dtls::ServerHandshake>(std::move(sign), draw)),
        address(std::move(from)) {}
  AsyncSemaphore::Priority priority;
  dtls::ConnectionId id;
  std::unique_ptr<dtls::ServerHandshake> handshake;  // with the workers while busy
  UdpEndpoint address;
  Bytes client_random;
  std::deque<Bytes> waiting;
  bool busy = false;
  Clock::time_point began = Clock::now();
  Clock::duration patience = initial_retransmission_timeout;
  Clock::time_point again_at = Clock::now() + initial_retransmission_timeout;
};

DtlsAcceptor::DtlsAcceptor(Services services)
    : services_(std::move(services)),
      cookies_(services_.random),
      timer_(std::in_place, services_.executor, [this] { on_timer(); }) {}

DtlsAcceptor::~DtlsAcceptor() = default;

void DtlsAcceptor::stop() {
  pending_.clear();
  timer_.reset();
}

bool DtlsAcceptor::on_datagram(ByteView datagram, const UdpEndpoint& from) {
  ByteView rest = datagram;
  const auto record = dtls::take_record(rest);
  if (record && record->type == dtls::ContentType::handshake && record->epoch() == 0 && !record->fragment.empty() &&
      record->fragment[0] == static_cast<std::uint8_t>(dtls::HandshakeType::client_hello)) {
    on_client_hello(datagram, *record, from);
    return true;
  }
  const auto pending = pending_.find(from);
  if (pending == pending_.end()) return false;
  enqueue(pending->second, datagram);
  return true;
}

void DtlsAcceptor::on_client_hello(ByteView datagram, const dtls::Record& record, const UdpEndpoint& from) {
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
  auto known = pending_.find(from);
  if (known != pending_.end() && known->second->client_random != hello->random) {
    if (known->second->busy) return;  // or each such hello would be more work for the workers: it comes again
    const auto gave_up = known->second;
    drop(from);
    known = pending_.end();
    services_.connection_rejected(
        explain(gave_up->handshake->alert(), "it begins a handshake again and again and never finishes it"), from);
  }
  if (known != pending_.end()) return enqueue(known->second, datagram);
  const auto pending = add_pending(from);
  if (!pending) return;
  pending->client_random = hello->random;
  enqueue(pending, datagram);
}

std::shared_ptr<DtlsAcceptor::PendingHandshake> DtlsAcceptor::add_pending(const UdpEndpoint& from) {
  const bool known = services_.is_known_address(to_text(from));
  if (!(known ? known_address_budget_ : unknown_address_budget_).take(from.address(), Clock::now()))
    return nullptr;  // it comes again
  if (!evict_handshake(from, known)) return nullptr;
  const dtls::HandshakeRandom draw(services_.random);
  dtls::Sign sign = [&key = services_.key](ByteView digest) { return key.sign(digest); };
  auto pending = std::make_shared<PendingHandshake>(
      std::move(sign), draw, from, known ? AsyncSemaphore::Priority::high : AsyncSemaphore::Priority::low);
  pending_.emplace(from, pending);
  schedule_timer(Clock::now() + initial_retransmission_timeout);
  return pending;
}

// Unknown devices do not take all places, and give theirs up to a known address at once.
bool DtlsAcceptor::evict_handshake(const UdpEndpoint& for_whom, bool known) {
  const auto same_address = [&](const auto& entry) { return entry.first.address() == for_whom.address(); };
  const auto of_address = static_cast<std::size_t>(std::count_if(pending_.begin(), pending_.end(), same_address));
  const bool only_of_address = of_address >= limits::dtls_handshakes_per_address;
  const auto of_unknown = static_cast<std::size_t>(std::count_if(pending_.begin(), pending_.end(),
      [](const auto& entry) { return entry.second->priority == AsyncSemaphore::Priority::low; }));
  const bool unknown_full = !known && of_unknown >= limits::dtls_handshakes_of_unknown;
  if (pending_.size() < limits::dtls_handshakes && !only_of_address && !unknown_full) return true;
  auto oldest = pending_.end();
  for (auto entry = pending_.begin(); entry != pending_.end(); ++entry) {
    const bool is_unknown = entry->second->priority == AsyncSemaphore::Priority::low;
    if (entry->second->busy || (only_of_address && !same_address(*entry)) || (!known && !is_unknown)) continue;
    if (known && !only_of_address && is_unknown) {
      pending_.erase(entry);
      return true;
    }
    if (oldest == pending_.end() || entry->second->began < oldest->second->began) oldest = entry;
  }
  if (oldest == pending_.end() || Clock::now() - oldest->second->began < min_handshake_time) return false;
  pending_.erase(oldest);
  return true;
}

void DtlsAcceptor::schedule_timer(Clock::time_point when) {
  timer_at_ = std::min(timer_at_, when);
  if (timer_) timer_->set(timer_at_);
}

void DtlsAcceptor::enqueue(const std::shared_ptr<PendingHandshake>& pending, ByteView datagram) {
  if (pending->waiting.size() >= datagrams_kept) return;
  pending->waiting.emplace_back(datagram.begin(), datagram.end());
  if (std::exchange(pending->busy, true)) return;
  asio::co_spawn(services_.executor, run_handshake(pending), [this, pending](std::exception_ptr failed) {
    if (!failed) return;
    log::error("a handshake with {} ended by a fault of this program", to_text(pending->address));
    drop(pending->address);
  });
}

asio::awaitable<void> DtlsAcceptor::run_handshake(std::shared_ptr<PendingHandshake> pending) {
  Result<dtls::Datagrams> answer;
  while (answer && !pending->waiting.empty() && !pending->handshake->established()) {
    const auto datagram = std::move(pending->waiting.front());
    pending->waiting.pop_front();
    const auto permit = co_await services_.handshakes.acquire(pending->priority);
    std::function<Result<dtls::Datagrams>()> step = [&pending, &datagram] {
      return pending->handshake->on_datagram(datagram);
    };
    answer = co_await crypto::offload(services_.workers, std::move(step));
    if (!pending_.contains(pending->address) || pending_[pending->address] != pending) co_return;  // dropped meanwhile
    if (!answer) break;
    for (const auto& out : *answer) services_.send(out, pending->address);
    pending->patience = initial_retransmission_timeout;
    pending->again_at = Clock::now() + initial_retransmission_timeout;
  }
  pending->busy = false;
  if (!answer) {
    services_.send(dtls::plain_record(dtls::ContentType::alert, 0, dtls::fatal_alert(dtls::alert_handshake_failure)),
        pending->address);
    services_.connection_rejected(answer.error(), pending->address);
    drop(pending->address);
  } else if (pending->handshake->established()) {
    drop(pending->address);
    count_udp_handshake(pending->began);
    services_.received(pending->id, std::move(pending->handshake), pending->address);
  }
}

void DtlsAcceptor::release_tables() {
  if (!services_.workers.pool()) return;  // a test's own thread
  asio::post(*services_.workers.pool(), [] { crypto::release_ec_tables(); });
}

void DtlsAcceptor::drop(const UdpEndpoint& address) {
  pending_.erase(address);
}

// Flights that were not answered go out again; who never answers is let go.
void DtlsAcceptor::on_timer() {
  timer_at_ = Clock::time_point::max();
  if (pending_.empty()) return release_tables();
  const auto now = Clock::now();
  auto next = Clock::time_point::max();
  for (auto entry = pending_.begin(); entry != pending_.end();) {
    const auto pending = entry->second;
    if (now - pending->began >= handshake_idle_timeout && !pending->busy) {
      entry = pending_.erase(entry);
      services_.connection_rejected(
          explain(pending->handshake->alert(), "it began a handshake and did not finish it"), pending->address);
      continue;
    }
    if (pending->again_at <= now && !pending->busy) {
      for (const auto& datagram : pending->handshake->retransmit_flight()) services_.send(datagram, pending->address);
      pending->patience *= 2;
      pending->again_at = now + pending->patience;
    }
    next = std::min({next, std::max(pending->again_at, now + 100ms),
        std::max(pending->began + handshake_idle_timeout, now + 100ms)});
    ++entry;
  }
  schedule_timer(pending_.empty() ? now + initial_retransmission_timeout : next);
}

}  // namespace drydock::transport
