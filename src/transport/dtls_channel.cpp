#include "transport/dtls_channel.hpp"

#include "base/asio_tokens.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"

#include <fmt/core.h>

namespace drydock::transport {
namespace {

// Sequence numbers are written down ahead in ranges, so that none is used twice whatever crashes, and few writes are needed.
constexpr std::uint64_t lease_size = 1024;
constexpr std::uint64_t lease_again_below = 512;
// So many records may be taken before the window is written down again. After a crash, and only then, somebody who recorded
// them could have them taken once more.
constexpr std::uint64_t records_unkept = 16;

constexpr std::size_t smallest_message = 4;   // shorter ones keep a NAT's door open and say nothing (PROTOCOL §3.5)

}  // namespace

std::string to_text(const UdpEndpoint& endpoint) { return fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port()); }

DtlsChannel::DtlsChannel(DtlsHost& host, asio::any_io_executor executor, dtls::ConnectionId id, std::unique_ptr<dtls::ServerHandshake> handshake, UdpEndpoint address)
    : host_(host), id_(id), handshake_(std::move(handshake)), address_(std::move(address)), executor_(std::move(executor)) {}

DtlsChannel::DtlsChannel(DtlsHost& host, asio::any_io_executor executor, const KeptSession& kept, UdpEndpoint address)
    : host_(host), id_(kept.id), session_(kept.state), address_(std::move(address)), bond_(Bond{kept.device, kept.memo}), leased_(kept.leased), promised_(kept.leased),
      kept_(true), received_kept_(kept.state.received.next()), executor_(std::move(executor)) {}

DtlsChannel::~DtlsChannel() = default;

bool DtlsChannel::on_datagram(ByteView datagram, const UdpEndpoint& from, bool resumed) {
  const auto self = shared_from_this();   // an alert makes the host let go of it
  bool authentic = false;
  while (const auto record = dtls::take_record(datagram)) {
    auto received = session().receive(*record);
    if (!received) continue;
    authentic = true;
    // Only now: the newest authentic record says where the device is (PROTOCOL §3.5).
    if (received->newest && from != address_) {
      const auto before = std::exchange(address_, from);
      host_.moved(*this, before);
    }
    const bool marked = resumed || record->type == dtls::ContentType::moved;
    if (received->newest) {
      if (marked && !resuming_) restarted_ = attended_;
      resuming_ = marked;
    }
    on_received(std::move(*received));
    if (forgotten_) break;
    if (session().state().received.next() >= received_kept_ + records_unkept && positions_.take(Clock::now())) keep_position();
  }
  return authentic;
}

void DtlsChannel::on_received(dtls::Session::Received received) {
  switch (received.type) {
    case dtls::ContentType::application_data:
      if (handshake_) {
        session_ = std::move(handshake_->session());
        handshake_.reset();
      }
      return on_message(received.content);
    case dtls::ContentType::handshake:
      // Finished once more: our last flight was lost.
      if (handshake_)
        for (const auto& datagram : handshake_->flight_again()) host_.send_datagram(datagram, address_);
      return;
    case dtls::ContentType::alert: {
      constexpr std::uint8_t fatal = 2;
      if (received.content.size() != 2 || (received.content[0] != fatal && received.content[1] != dtls::alert_close_notify)) return;
      why_closed_ = "the device ended its session: " + dtls::alert_name(received.content[1]);
      return forget();
    }
    default: return;
  }
}

void DtlsChannel::on_message(ByteView content) {
  if (content.size() < smallest_message) return;
  auto message = coap::decode(content);
  if (!message) return log::debug("{}: a message that cannot be read: {}", peer(), message.error().message);
  // What is not noted as received will be sent again by the device.
  if (waiting_.size() - taken_ >= limits::datagrams_waiting) return;
  const auto incoming = reliability_.received(*message, Clock::now());
  if (!incoming.answer_again.empty()) transmit(incoming.answer_again);
  if (!incoming.handle) return;
  waiting_.push_back(std::move(*message));
  wake();
  if (!attended_) host_.arrived(shared_from_this());
}

void DtlsChannel::attend() {
  attended_ = true;
  closed_ = interrupted_ = restarted_ = false;
  why_closed_.clear();
  wake_ = std::make_shared<Timer>(executor_);
  retransmission_ = std::make_unique<Watchdog>(executor_, [this] { send_again(); });
}

void DtlsChannel::leave() {
  attended_ = false;
  reliability_.stop_sending();
  retransmission_.reset();
  wake_.reset();
  // What nobody took is heard when the device says it again.
  for (std::size_t i = taken_; i < waiting_.size(); ++i) reliability_.not_handled(waiting_[i]);
  waiting_ = {};
  taken_ = 0;
}

void DtlsChannel::wake() {
  if (wake_) wake_->cancel();
}

asio::awaitable<Result<coap::Message>> DtlsChannel::receive(Clock::time_point deadline) {
  for (;;) {
    if (std::exchange(restarted_, false)) co_return failure(Kind::restarted, "the device was reset, or slept");
    if (taken_ < waiting_.size()) {
      auto message = std::move(waiting_[taken_++]);
      if (taken_ == waiting_.size()) {
        waiting_.clear();
        taken_ = 0;
      }
      co_return message;
    }
    if (closed_) co_return failure(Kind::closed, why_closed_.empty() ? "the connection was closed" : why_closed_);
    if (std::exchange(interrupted_, false)) co_return failure(Kind::interrupted, "interrupted");
    if (Clock::now() >= deadline) co_return failure(Kind::timed_out, "nothing came in time");
    const auto timer = wake_;
    timer->expires_at(deadline);
    (void)co_await timer->async_wait(as_result);
  }
}

asio::awaitable<Result<void>> DtlsChannel::send(const coap::Message& message, Then) {
  if (closed_) co_return failure(Kind::closed, why_closed_.empty() ? "the connection was closed" : why_closed_);
  if (leased_ < session().state().next_to_send + lease_again_below)
    if (const auto leased = co_await lease(); !leased && session().state().next_to_send >= leased_) co_return leased;
  const auto encoded = coap::encode(message);
  const double chance = host_.random().bytes(1)[0] / 255.0;
  reliability_.sent(message, encoded, Clock::now(), chance);
  if (retransmission_) retransmission_->watch(reliability_.next());
  transmit(encoded);
  co_return Result<void>{};
}

void DtlsChannel::transmit(ByteView message) {
  if (session().state().next_to_send >= leased_) return;   // as if the network had lost it
  host_.send_datagram(session().seal(dtls::ContentType::application_data, message), address_);
}

void DtlsChannel::send_again() {
  const auto due = reliability_.due(Clock::now());
  for (const auto& message : due.send_again) transmit(message);
  if (due.given_up) {
    why_closed_ = "the device acknowledges nothing any more";
    close();
  } else {
    retransmission_->watch(reliability_.next());
  }
}

void DtlsChannel::interrupt() {
  interrupted_ = true;
  wake();
}

void DtlsChannel::close() {
  closed_ = true;
  wake();
}

asio::awaitable<Result<void>> DtlsChannel::bind(Bond bond) {
  if (kept_ && bond_->device == bond.device && bond_->memo == bond.memo) co_return Result<void>{};
  bond_ = std::move(bond);
  host_.bound(shared_from_this());
  co_return co_await lease();
}

// The next message that is sent is preceded by a lease.
void DtlsChannel::keep_session() {
  if (!bond_ || bond_->keep) return;
  bond_->keep = true;
  leased_ = std::min(leased_, session().state().next_to_send);
}

asio::awaitable<Result<void>> DtlsChannel::lease() {
  if (!is_kept()) co_return Result<void>{};
  const auto wanted = session().state().next_to_send + lease_size;
  if (promised_ == dtls::last_sequence || promised_ < wanted) promised_ = wanted;
  // From the first lease on, no number is used that is not promised: it may be written down by others than this.
  leased_ = std::min(leased_, promised_);
  received_kept_ = session().state().received.next();
  auto kept = co_await host_.keeper().keep(to_keep());
  if (!kept) co_return kept;
  kept_ = true;
  leased_ = std::max(leased_, wanted);
  co_return Result<void>{};
}

KeptSession DtlsChannel::to_keep() const {
  KeptSession kept;
  kept.id = id_;
  kept.device = bond_->device;
  kept.memo = bond_->memo;
  kept.state = session().state();
  kept.leased = promised_;
  kept.address = address_.address().to_string();
  kept.port = address_.port();
  return kept;
}

void DtlsChannel::keep_position() {
  const auto next = session().state().received.next();
  if (!is_kept() || promised_ == dtls::last_sequence || next == received_kept_) return;
  received_kept_ = next;
  host_.keeper().keep_soon(to_keep());
}

void DtlsChannel::forget() {
  if (forgotten_) return;
  if (is_kept()) host_.keeper().forget(id_);
  forgotten_ = true;
  close();
  host_.gone(*this);
}

}  // namespace drydock::transport
