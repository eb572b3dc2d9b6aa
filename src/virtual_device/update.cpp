// The device's side of the chunked transfer.
#include "virtual_device/update.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <zlib.h>

namespace drydock::virtual_device {

using coap::Code;
using coap::Message;
using coap::Type;

namespace {

constexpr std::size_t missing_at_once = 40;
constexpr std::size_t ota_region = 262144;

}  // namespace

asio::awaitable<bool> VirtualDevice::begin_update(const Message& request) {
  const ByteView p = request.payload;
  const std::size_t size = p.size() >= 12 ? get_be32(p, 3) : 0;
  if (p.size() < 12 || size == 0 || size > ota_region || (faults.updates_disabled && !forced) ||
      faults.refuses_updates) {
    const auto refusal = coap::piggybacked(request, Code::service_unavailable);
    co_return co_await send(refusal);
  }
  const auto acknowledgement = coap::empty_acknowledgement(request.id);
  if (!co_await send(acknowledgement)) co_return false;
  update_ = std::make_unique<Update>();
  update_->chunk_size = get_be16(p, 1) ? get_be16(p, 1) : 512;
  update_->file_size = size;
  update_->fast = (p[0] & 1) != 0 && options_.takes_fast_ota;
  update_->have.assign(update_->count(), false);
  update_->image.assign(size, 0xff);
  co_await sleep(options_.erase_time);
  Message ready;
  ready.type = Type::non_confirmable;
  ready.code = Code::changed;
  ready.token = request.token;
  ready.payload = {static_cast<std::uint8_t>(update_->fast ? 1 : 0)};
  co_return co_await send(ready);
}

asio::awaitable<bool> VirtualDevice::take_chunk(const Message& request) {
  if (!update_) co_return true;
  ++chunks_received;
  std::vector<const Bytes*> queries;
  for (const auto& o : request.options)
    if (o.number == coap::option::uri_query) queries.push_back(&o.value);
  if (queries.empty() || queries[0]->size() != 4) co_return true;
  const bool indexed = queries.size() > 1 && queries[1]->size() == 2;
  const std::size_t index = indexed ? get_be16(*queries[1], 0) : update_->next;

  if (faults.drop_chunks.erase(index) != 0) co_return true;
  bool good = get_be32(*queries[0], 0) == ::crc32(0, request.payload.data(), static_cast<uInt>(request.payload.size()));
  if (faults.corrupt_chunks.erase(index) != 0) good = false;
  co_await sleep(options_.chunk_timeout);
  if (good && index < update_->count()) {
    const auto at = index * update_->chunk_size;
    const auto size = std::min(request.payload.size(), update_->file_size - at);
    std::copy_n(request.payload.begin(), size, update_->image.begin() + static_cast<std::ptrdiff_t>(at));
    update_->have[index] = true;
    if (!indexed) ++update_->next;
  }
  if (indexed) {
    const bool round_over = update_->highest_asked && index == *update_->highest_asked;
    if (options_.release.asks_by_itself && round_over) co_return co_await report_missing();
    co_return true;
  }
  const auto acknowledgement = coap::empty_acknowledgement(request.id);
  if (!co_await send(acknowledgement)) co_return false;
  Message received;
  received.type = Type::non_confirmable;
  received.code = good ? Code::changed : Code::bad_request;
  received.token = request.token;
  co_return co_await send(received);
}

asio::awaitable<bool> VirtualDevice::report_missing() {
  const auto missing = update_->missing(missing_at_once);
  if (missing.empty()) {
    // Up to 0.7 the device ends a re-sent update by itself.
    auto done = coap::request(Type::non_confirmable, Code::put, "u");
    if (!co_await send(done)) co_return false;
    co_await sleep(options_.reset_time);
    verdicts.push_back(flash_.check_image(update_->image));
    if (verdicts.back() == 0 && !faults.forgets_updates) {
      before_ = flash_;
      flash_.put(update_->image);
      applied_since_hello_ = true;
      if (after_update) after_update(flash_);
    }
    count_received();
    update_.reset();
    reset_wanted_ = true;
    co_return true;
  }
  update_->highest_asked = missing.back();
  auto request =
      coap::request(options_.release.asks_by_itself ? Type::confirmable : Type::non_confirmable, Code::get, "c");
  for (const auto index : missing) put_be16(request.payload, index);
  co_return co_await send(request);
}

std::string VirtualDevice::name_of_image() const {
  const auto module = read_image(update_->image);
  if (!module) return "";
  return fmt::format("{}{}@{}",
      module->function == 3       ? 'm'
          : module->function == 4 ? 's'
          : module->function == 5 ? 'u'
                                  : 'b',
      module->index, module->version);
}

void VirtualDevice::count_received() {
  ++images_received;
  ++received_files[name_of_image()];
}

asio::awaitable<bool> VirtualDevice::end_update(const Message& request) {
  if (!update_) co_return true;
  const bool incomplete = update_->fast && !update_->missing(1).empty();
  if (incomplete) {
    const auto refusal = coap::piggybacked(request, Code::bad_request);
    if (!co_await send(refusal)) co_return false;
    co_return co_await report_missing();
  }
  count_received();
  const int error = faults.damages_image ? -1330 : flash_.check_image(update_->image);
  verdicts.push_back(error);
  auto answer = coap::piggybacked(request, Code::changed);
  if (!options_.release.bare_verdict) {
    const auto verdict = fmt::format("{{\"r\":{}}}", error);
    answer.payload.assign(verdict.begin(), verdict.end());
  }
  if (!co_await send(answer)) co_return false;
  last_update_time = Clock::now() - update_->began;
  if (error == 0 && !faults.forgets_updates) {
    before_ = flash_;
    flash_.put(update_->image);
    applied_since_hello_ = true;
    if (after_update) after_update(flash_);
    if (const auto name = name_of_image(); !name.empty()) applied.push_back(name);
  }
  update_.reset();
  // The device resets whether or not it liked the image (PROTOCOL §5.4).
  reset_wanted_ = true;
  co_return true;
}

}  // namespace drydock::virtual_device
