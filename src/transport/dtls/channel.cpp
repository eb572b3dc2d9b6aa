#include "transport/dtls/channel.hpp"

#include "base/asio_tokens.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"

#include <fmt/core.h>

namespace drydock::transport {
namespace {

// Sequence numbers are written down ahead in ranges, so that none is used twice whatever crashes, and few writes are
// needed.
constexpr std::uint64_t reservation_size = 1024;
constexpr std::uint64_t reserve_again_below = 512;
// So many records may be taken before the window is written down again. After a crash, and only then, somebody who
// recorded them could have them taken once more.
constexpr std::uint64_t records_between_saves = 16;

constexpr std::size_t smallest_message = 4;  // shorter ones keep a NAT's door open and say nothing (PROTOCOL §3.5)

}  // namespace

std::string to_text(const UdpEndpoint& endpoint) {
  return fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
}

DtlsChannel::DtlsChannel(DtlsChannelOwner& owner, asio::any_io_executor executor, dtls::ConnectionId id,
    std::unique_ptr<dtls::ServerHandshake> handshake, UdpEndpoint address)
    : owner_(owner),
      id_(id),
      handshake_(std::move(handshake)),
      address_(std::move(address)),
      executor_(std::move(executor)) {}

DtlsChannel::DtlsChannel(
    DtlsChannelOwner& owner, asio::any_io_executor executor, const PersistedSession& kept, UdpEndpoint address)
    : owner_(owner),
      id_(kept.id),
      session_(kept.state),
      address_(std::move(address)),
      binding_(SessionBinding{kept.device, kept.hello_payload}),
      reserved_(kept.reserved),
      reservation_under_way_(kept.reserved),
      persisted_(true),
      persisted_position_(kept.state.received.next()),
      executor_(std::move(executor)) {}

DtlsChannel::~DtlsChannel() = default;

bool DtlsChannel::on_datagram(ByteView datagram, const UdpEndpoint& from, bool resumed) {
  const auto self = shared_from_this();  // an alert makes the host let go of it
  bool authentic = false;
  while (const auto record = dtls::take_record(datagram)) {
    auto received = session().receive(*record);
    if (!received) continue;
    authentic = true;
    // Only now: the newest authentic record says where the device is (PROTOCOL §3.5).
    if (received->newest && from != address_) {
      const auto before = std::exchange(address_, from);
      owner_.on_moved(*this, before);
    }
    const bool marked = resumed || record->type == dtls::ContentType::resumed;
    if (received->newest) {
      if (marked && !resuming_) restarted_ = attached_;
      resuming_ = marked;
    }
    on_received(std::move(*received));
    if (forgotten_) break;
    if (session().state().received.next() >= persisted_position_ + records_between_saves &&
        position_budget_.take(Clock::now()))
      save_position();
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
        for (const auto& datagram : handshake_->retransmit_flight()) owner_.send_datagram(datagram, address_);
      return;
    case dtls::ContentType::alert: {
      constexpr std::uint8_t fatal = 2;
      if (received.content.size() != 2 ||
          (received.content[0] != fatal && received.content[1] != dtls::alert_close_notify))
        return;
      close_reason_ = "the device ended its session: " + dtls::alert_name(received.content[1]);
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
  if (inbox_.size() - inbox_position_ >= limits::datagrams_waiting) return;
  const auto incoming = reliability_.received(*message, Clock::now());
  if (!incoming.answer_again.empty()) transmit(incoming.answer_again, true);
  if (!incoming.handle) return;
  inbox_.push_back(std::move(*message));
  wake();
  if (!attached_) owner_.on_message(shared_from_this());
}

void DtlsChannel::attach() {
  attached_ = true;
  closed_ = interrupted_ = restarted_ = false;
  close_reason_.clear();
  wake_ = std::make_shared<Timer>(executor_);
  retransmission_ = std::make_unique<DeadlineTimer>(executor_, [this] { retransmit(); });
}

void DtlsChannel::detach() {
  attached_ = false;
  reliability_.stop_sending();
  retransmission_.reset();
  wake_.reset();
  // What nobody took is heard when the device says it again.
  for (std::size_t i = inbox_position_; i < inbox_.size(); ++i) reliability_.not_handled(inbox_[i]);
  inbox_ = {};
  inbox_position_ = 0;
}

void DtlsChannel::wake() {
  if (wake_) wake_->cancel();
}

asio::awaitable<Result<coap::Message>> DtlsChannel::receive(Clock::time_point deadline) {
  for (;;) {
    if (std::exchange(restarted_, false))
      co_return failure(ErrorKind::session_restarted, "the device was reset, or slept");
    if (inbox_position_ < inbox_.size()) {
      auto message = std::move(inbox_[inbox_position_++]);
      if (inbox_position_ == inbox_.size()) {
        inbox_.clear();
        inbox_position_ = 0;
      }
      co_return message;
    }
    if (closed_)
      co_return failure(ErrorKind::closed, close_reason_.empty() ? "the connection was closed" : close_reason_);
    if (std::exchange(interrupted_, false)) co_return failure(ErrorKind::interrupted, "interrupted");
    if (Clock::now() >= deadline) co_return failure(ErrorKind::timed_out, "nothing came in time");
    const auto timer = wake_;
    timer->expires_at(deadline);
    (void)co_await timer->async_wait(as_result);
  }
}

asio::awaitable<Result<void>> DtlsChannel::send(const coap::Message& message, Flush) {
  if (closed_)
    co_return failure(ErrorKind::closed, close_reason_.empty() ? "the connection was closed" : close_reason_);
  if (reserved_ < session().state().next_to_send + reserve_again_below)
    if (const auto reserved = co_await reserve_sequence_numbers();
        !reserved && session().state().next_to_send >= reserved_)
      co_return reserved;
  const auto encoded = coap::encode(message);
  const double chance = owner_.random().bytes(1)[0] / 255.0;
  reliability_.sent(message, encoded, Clock::now(), chance);
  if (retransmission_) retransmission_->set(reliability_.next());
  transmit(encoded, message.type == coap::Type::acknowledgement || message.type == coap::Type::reset);
  co_return Result<void>{};
}

void DtlsChannel::transmit(ByteView message, bool answers) {
  if (!answers && !owner_.may_send()) return;
  if (session().state().next_to_send >= reserved_) return;  // as if the network had lost it
  owner_.send_datagram(session().seal(dtls::ContentType::application_data, message), address_);
}

void DtlsChannel::retransmit() {
  const auto due = reliability_.due(Clock::now());
  for (const auto& message : due.send_again) transmit(message, false);
  if (due.given_up) {
    close_reason_ = "the device acknowledges nothing any more";
    close();
  } else {
    retransmission_->set(reliability_.next());
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

asio::awaitable<Result<void>> DtlsChannel::bind(SessionBinding binding) {
  if (persisted_ && binding_->device == binding.device && binding_->hello_payload == binding.hello_payload)
    co_return Result<void>{};
  binding_ = std::move(binding);
  owner_.on_bound(shared_from_this());
  co_return co_await reserve_sequence_numbers();
}

// The next message that is sent is preceded by a reservation.
void DtlsChannel::persist_session() {
  if (!binding_ || binding_->persistent) return;
  binding_->persistent = true;
  reserved_ = std::min(reserved_, session().state().next_to_send);
}

asio::awaitable<Result<void>> DtlsChannel::reserve_sequence_numbers() {
  if (!is_persistent()) co_return Result<void>{};
  const auto wanted = session().state().next_to_send + reservation_size;
  if (reservation_under_way_ == dtls::last_sequence || reservation_under_way_ < wanted) reservation_under_way_ = wanted;
  // From the first reservation on, no number is used that is not promised: it may be written down by
  // others than this.
  reserved_ = std::min(reserved_, reservation_under_way_);
  persisted_position_ = session().state().received.next();
  auto kept = co_await owner_.session_store().save(snapshot());
  if (!kept) co_return kept;
  persisted_ = true;
  reserved_ = std::max(reserved_, wanted);
  co_return Result<void>{};
}

PersistedSession DtlsChannel::snapshot() const {
  PersistedSession kept;
  kept.id = id_;
  kept.device = binding_->device;
  kept.hello_payload = binding_->hello_payload;
  kept.state = session().state();
  kept.reserved = reservation_under_way_;
  kept.address = address_.address().to_string();
  kept.port = address_.port();
  return kept;
}

void DtlsChannel::save_position() {
  const auto next = session().state().received.next();
  if (!is_persistent() || reservation_under_way_ == dtls::last_sequence || next == persisted_position_) return;
  persisted_position_ = next;
  owner_.session_store().save_soon(snapshot());
}

void DtlsChannel::let_go() {
  if (attached_ || !is_persistent() || forgotten_) return;
  forgotten_ = true;
  owner_.on_discarded(*this);
}

void DtlsChannel::forget() {
  if (forgotten_) return;
  if (is_persistent()) owner_.session_store().forget(id_);
  forgotten_ = true;
  close();
  owner_.on_discarded(*this);
}

}  // namespace drydock::transport
