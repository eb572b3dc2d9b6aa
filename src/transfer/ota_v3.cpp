#include "transfer/ota_v3.hpp"

#include "crypto/hash.hpp"
#include "transfer/chunked.hpp"
#include "transfer/chunk_pacer.hpp"
#include "transfer/transfer_metrics.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <utility>

namespace drydock::transfer {
namespace {

using namespace std::chrono_literals;
using coap::Code;
using coap::Message;
using coap::Type;

// The device itself gives up after 300 s without a chunk.
constexpr auto stall_timeout = 240s;

Error refusal(const Message& answer) {
  return {ErrorKind::refused, error_words(answer)};
}

class ResumableTransfer {
public:
  ResumableTransfer(UpdateChannel& device, ByteView image, const OtaV3Options& options, const Progress& progress)
      : device_(device), image_(image), options_(options), progress_(progress) {}

  asio::awaitable<Result<Delivery>> run() {
    const auto started = co_await start();
    if (!started) co_return tl::unexpected(started.error());
    delivery_.fast = true;
    delivery_.offset = started->offset;
    rest_ = image_.subspan(started->offset);
    progress_(started->offset);
    if (const auto sent = co_await send_rest(started->window); !sent) co_return tl::unexpected(sent.error());
    if (const auto finished = co_await finish(); !finished) co_return tl::unexpected(finished.error());
    progress_(image_.size());
    delivery_.confirmed = true;
    co_return delivery_;
  }

private:
  asio::awaitable<Result<UpdateStartResponse>> start() {
    UpdateStart begin;
    begin.file_size = static_cast<std::uint32_t>(image_.size());
    begin.chunk_size = options_.chunk_size;
    begin.module_function = options_.module_function;
    const auto digest = crypto::sha256(image_);
    begin.sha256.assign(digest.begin(), digest.end());
    auto request = update_start(begin);
    const auto response = co_await send_request(
        request, ready_timeout(image_.size()), "the device did not get ready for the update in time");
    if (!response) co_return tl::unexpected(response.error());
    const auto started = parse_started(*response);
    if (!started || started->offset > image_.size())
      co_return failure(ErrorKind::refused, "the device begins the update in a way that cannot be understood");
    co_return *started;
  }

  asio::awaitable<Result<void>> send_rest(std::size_t window) {
    const auto chunks = (rest_.size() + options_.chunk_size - 1) / options_.chunk_size;
    ChunkPacer pacer(chunks, window, Clock::now());
    while (!pacer.complete()) {
      while (const auto index = pacer.next(Clock::now())) {
        auto message = update_chunk(static_cast<std::uint32_t>(*index + 1), chunk(*index));
        message.id = device_.next_message_id();
        if (const auto sent = co_await device_.send(message, true); !sent) co_return sent;
        count_chunk(chunk(*index).size());
      }
      const auto stalled = pacer.last_progress_at() + stall_timeout;
      const auto until = std::min({pacer.next_wakeup(), stalled, deadline_});
      const auto message = co_await device_.receive_update_message(until);
      const auto now = Clock::now();
      const auto resent = pacer.sent_again();
      count_resent(resent - std::exchange(delivery_.resent, resent));
      if (now >= deadline_) co_return failure(ErrorKind::timed_out, "the transfer takes longer than any device needs");
      if (!message && message.error().kind == ErrorKind::timed_out) {
        if (now >= stalled)
          co_return failure(ErrorKind::timed_out, "the device stopped answering in the middle of the transfer");
        pacer.on_timer(now);
        continue;
      }
      if (!message) co_return tl::unexpected(message.error());
      // A device that knows of no update refuses its chunks: it was reset, and remembers some of what it got.
      if (message->type == Type::reset)
        co_return failure(ErrorKind::session_restarted, "the device lost the update in the middle of the transfer");
      if (const auto report = parse_chunks_received(*message)) {
        pacer.received(*report, now);
        progress_(delivery_.offset + std::min(pacer.in_order() * options_.chunk_size, rest_.size()));
      }
    }
    co_return Result<void>{};
  }

  ByteView chunk(std::size_t index) const {
    const auto at = index * options_.chunk_size;
    return rest_.subspan(at, std::min<std::size_t>(options_.chunk_size, rest_.size() - at));
  }

  asio::awaitable<Result<void>> finish() {
    auto request = update_finish();
    const auto response =
        co_await send_request(request, done_timeout(image_.size()), "the device did not confirm the image in time");
    if (!response) co_return tl::unexpected(response.error());
    co_return Result<void>{};
  }

  // A request whose response comes apart from its acknowledgement, or inside it when it is refused at once.
  asio::awaitable<Result<Message>> send_request(Message& request, Clock::duration time, const char* too_late) {
    request.id = device_.next_message_id();
    request.token = device_.next_token();
    if (const auto sent = co_await device_.send(request, false); !sent) co_return tl::unexpected(sent.error());
    const auto deadline = Clock::now() + time;
    for (;;) {
      auto answer = co_await device_.receive_update_message(deadline);
      if (!answer && answer.error().kind == ErrorKind::timed_out) co_return failure(ErrorKind::timed_out, too_late);
      if (!answer) co_return answer;
      if (answer->type == Type::reset && answer->id == request.id)
        co_return failure(ErrorKind::refused, "the device does not know this kind of update");
      const bool responds = coap::is_response(answer->code) &&
          (answer->token == request.token || (answer->type == Type::acknowledgement && answer->id == request.id));
      if (!responds) continue;
      if (!coap::is_success(answer->code)) co_return tl::unexpected(refusal(*answer));
      co_return answer;
    }
  }

  UpdateChannel& device_;
  ByteView image_;
  ByteView rest_;
  OtaV3Options options_;
  const Progress& progress_;
  Delivery delivery_;
  Clock::time_point deadline_ = Clock::now() + transfer_timeout(image_.size());
};

}  // namespace

asio::awaitable<Result<Delivery>> send_ota_v3(
    UpdateChannel& device, ByteView image, OtaV3Options options, const Progress& progress) {
  ResumableTransfer transfer(device, image, options, progress);
  co_return co_await transfer.run();
}

}  // namespace drydock::transfer
