#include "virtual_device/udp_update.hpp"

#include "virtual_device/device_crypto.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::virtual_device {

using namespace std::chrono_literals;
using coap::Code;
using coap::Message;
using coap::Type;

namespace {

Message error(Code code, int number, const char* words) {
  Message m;
  m.type = Type::confirmable;
  m.code = code;
  const auto text = fmt::format("{{\"code\":{},\"message\":\"{}\"}}", number, words);
  m.payload.assign(text.begin(), text.end());
  return m;
}

}  // namespace

void UdpDevice::start_update(const Message& request) {
  const auto size = request.find_uint(2057);
  const auto chunk = request.find_uint(2065);
  const auto* sha = request.find(2061);
  const std::uint32_t most = static_cast<std::uint32_t>(options_.profile.max_message - 14) / 4 * 4;
  if (!size || *size == 0 || !chunk || *chunk < 512 || *chunk > most || *chunk % 4 != 0) {
    auto answer = coap::piggybacked(request, Code::bad_request);
    return send(answer);
  }
  send(coap::empty_acknowledgement(request.id));
  keep_state();
  update_ = std::make_unique<Update>();
  auto& u = *update_;
  u.size = *size;
  u.chunk_size = *chunk;
  if (sha != nullptr) u.sha256 = sha->value;
  u.image.resize(u.size);
  if (!u.sha256.empty() && kept_.sha256 == u.sha256 && kept_.size == u.size) {
    u.offset = kept_.bytes.size();
    std::copy(kept_.bytes.begin(), kept_.bytes.end(), u.image.begin());
  } else {
    kept_ = {};
  }
  u.have.resize(u.count());
  u.began = u.last_chunk = u.saved_at = Clock::now();
  offsets.push_back(u.offset);
  Message response;
  response.type = Type::confirmable;
  response.code = Code::created;
  response.token = request.token;
  response.add_uint(2053, static_cast<std::uint32_t>(131072 / u.chunk_size));
  response.add_uint(2057, static_cast<std::uint32_t>(u.offset));
  send(response);
}

void UdpDevice::take_chunk(const Message& request) {
  const auto index = request.find_uint(2049);
  const bool good = update_ && !update_->legacy && index && *index >= 1 && *index <= update_->count() &&
      request.type == Type::non_confirmable && request.token.empty();
  const std::size_t at = good ? update_->offset + (*index - 1) * update_->chunk_size : 0;
  if (!good || request.payload.size() != std::min(update_->chunk_size, update_->size - at)) {
    Message reset;
    reset.type = Type::reset;
    reset.id = request.id;
    send(reset);
    if (update_) leave_wanted_ = true;
    update_.reset();
    return;
  }
  auto& u = *update_;
  chunk_bytes += request.payload.size();
  const auto now = Clock::now();
  const bool duplicate = u.have[*index - 1];
  const bool gap_before = u.in_order < u.count() &&
      std::find(u.have.begin() + static_cast<std::ptrdiff_t>(u.in_order), u.have.end(), true) != u.have.end();
  u.have[*index - 1] = true;
  std::copy(request.payload.begin(), request.payload.end(), u.image.begin() + static_cast<std::ptrdiff_t>(at));
  while (u.in_order < u.count() && u.have[u.in_order]) ++u.in_order;
  const bool gap_after =
      std::find(u.have.begin() + static_cast<std::ptrdiff_t>(u.in_order), u.have.end(), true) != u.have.end();
  ++u.unacknowledged;
  const bool late = now - u.last_chunk >= 200ms;
  u.last_chunk = now;
  if (now - u.saved_at >= options_.state_saved_every) keep_state();
  if (duplicate || gap_before || gap_after || late || u.unacknowledged >= 2 || *index == u.count())
    acknowledge_chunks();
  received_so_far();
}

void UdpDevice::received_so_far() {
  const auto bytes = update_->bytes_in_order();
  if (faults.reset_at && bytes >= *faults.reset_at) {
    faults.reset_at.reset();
    reset_wanted_ = true;
  }
  if (faults.call_at && bytes >= *faults.call_at) {
    faults.call_at.reset();
    const auto call = faults.called;  // it may set the next one
    call();
  }
}

void UdpDevice::acknowledge_chunks() {
  auto& u = *update_;
  u.unacknowledged = 0;
  auto ack = coap::request(Type::non_confirmable, Code::post, "A");
  ack.add_uint(2049, static_cast<std::uint32_t>(u.in_order));
  std::array<std::uint32_t, 8> words{};
  for (std::size_t i = u.in_order; i < u.count() && i < u.in_order + 256; ++i)
    if (u.have[i]) words[(i - u.in_order) / 32] |= 1U << ((i - u.in_order) % 32);
  std::size_t used = 8;
  while (used > 0 && words[used - 1] == 0) --used;
  for (std::size_t w = 0; w < used; ++w)
    for (int shift = 0; shift < 32; shift += 8) ack.payload.push_back(static_cast<std::uint8_t>(words[w] >> shift));
  send(ack);
}

// What a reset leaves: all that came without a gap.
void UdpDevice::keep_state() {
  if (!update_ || update_->legacy || update_->sha256.empty()) return;
  auto& u = *update_;
  kept_.sha256 = u.sha256;
  kept_.size = u.size;
  kept_.bytes.assign(u.image.begin(), u.image.begin() + static_cast<std::ptrdiff_t>(u.bytes_in_order()));
  u.saved_at = Clock::now();
}

void UdpDevice::finish_update(const Message& request) {
  send(coap::empty_acknowledgement(request.id));
  if (!update_ || update_->bytes_in_order() != update_->size || faults.says_incomplete) {
    auto answer = error(Code::service_unavailable, -240, "Incomplete file transfer");
    answer.token = request.token;
    send(answer);
    awaited_ = message_id_;
    return;
  }
  last_update_time = Clock::now() - update_->began;
  if (!update_->sha256.empty() && sha256(update_->image) != update_->sha256) {
    auto answer = error(Code::service_unavailable, -1331, "File checksum mismatch");
    answer.token = request.token;
    send(answer);
    awaited_ = message_id_;
    return;
  }
  const auto image = update_->image;
  conclude(image, request, false);
}

// The device applies the update, or gives it up, only behind the server's acknowledgement of its verdict.
void UdpDevice::conclude(const Bytes& image, const Message& request, bool legacy) {
  const int verdict = flash_.check_image(image);
  verdicts.push_back(verdict);
  kept_ = {};
  update_.reset();
  if (legacy) {
    auto answer = coap::piggybacked(request, Code::changed);
    const auto text = fmt::format("{{\"r\":{}}}", verdict);
    answer.payload.assign(text.begin(), text.end());
    send(answer);
    if (verdict == 0) to_apply_ = image;
    reset_wanted_ = true;
    return;
  }
  auto answer = error(Code::service_unavailable, verdict, "Validation failed");
  if (verdict == 0) {
    answer.code = Code::changed;
    const std::string statistics = "{\"recv_chunks\":1,\"dup_chunks\":0}";
    answer.payload.assign(statistics.begin(), statistics.end());
    to_apply_ = image;
  }
  answer.token = request.token;
  send(answer);
  awaited_ = message_id_;
}

void UdpDevice::begin_chunked(const Message& request) {
  if (request.payload.size() < 12) return send(coap::piggybacked(request, Code::service_unavailable));
  send(coap::empty_acknowledgement(request.id));
  update_ = std::make_unique<Update>();
  auto& u = *update_;
  u.legacy = true;
  u.chunk_size = get_be16(request.payload, 1);
  if (u.chunk_size == 0) u.chunk_size = 512;
  u.size = get_be32(request.payload, 3);
  u.image.resize(u.size);
  u.have.resize(u.count());
  u.began = u.last_chunk = Clock::now();
  Message ready;
  ready.type = Type::confirmable;
  ready.code = Code::changed;
  ready.token = request.token;
  ready.payload = {static_cast<std::uint8_t>(request.payload[0] & 1)};
  send(ready);
}

void UdpDevice::take_legacy_chunk(const Message& request) {
  if (!update_ || !update_->legacy) return;
  auto& u = *update_;
  u.last_chunk = Clock::now();
  ++u.since_done;
  chunk_bytes += request.payload.size();
  std::vector<ByteView> queries;
  for (const auto& o : request.options)
    if (o.number == coap::option::uri_query) queries.push_back(o.value);
  const bool fast = queries.size() > 1;
  const std::size_t index = fast ? get_be16(queries[1], 0) : u.in_order;
  if (index >= u.count()) return;
  u.have[index] = true;
  std::copy(request.payload.begin(), request.payload.end(),
      u.image.begin() + static_cast<std::ptrdiff_t>(index * u.chunk_size));
  while (u.in_order < u.count() && u.have[u.in_order]) ++u.in_order;
  if (fast) return received_so_far();
  send(coap::empty_acknowledgement(request.id));
  Message good;
  good.type = Type::confirmable;
  good.code = Code::changed;
  good.token = request.token;
  send(good);
  received_so_far();
}

void UdpDevice::end_chunked(const Message& request) {
  if (!update_) return send(coap::piggybacked(request, Code::bad_request));
  auto& u = *update_;
  if (u.in_order == u.count()) {
    const auto image = u.image;
    last_update_time = Clock::now() - u.began;
    return conclude(image, request, true);
  }
  send(coap::piggybacked(request, Code::bad_request));
  // As many as came since it was asked last, and some more (PROTOCOL §5.3).
  const auto came = std::exchange(u.since_done, 0);
  const auto asked_for = std::min<std::size_t>(came + std::max<std::size_t>(came / 5, 2), 40);
  auto missed = coap::request(Type::confirmable, Code::get, "c");
  for (std::size_t i = u.in_order; i < u.count() && missed.payload.size() < 2 * asked_for; ++i)
    if (!u.have[i]) put_be16(missed.payload, static_cast<std::uint16_t>(i));
  send(missed);
}

}  // namespace drydock::virtual_device
