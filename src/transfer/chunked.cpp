#include "transfer/chunked.hpp"

#include "transfer/chunked_messages.hpp"
#include "transfer/chunk_pacer.hpp"
#include "transfer/image_check.hpp"
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

constexpr auto chunk_timeout = 60s;   // one answer in normal OTA; the device itself gives up after 30 s or more
constexpr auto missed_timeout = 10s;  // ChunkMissed follows its 4.00 at once
constexpr auto stall_timeout = 240s;  // over UDP: nothing new has arrived for so long
// An UpdateDone over UDP that was not answered, or without a word about what is missing, is said again after about two
// round trips.
constexpr auto first_probe_time = 3s;
constexpr auto least_probe_time = 1s;
constexpr auto most_probe_time = 12s;
constexpr std::size_t chunks_per_probe = 8;   // the device keeps each answer for 45 s, some 30 bytes
constexpr std::size_t chunks_per_round = 40;  // what every version can account for in one round
constexpr int max_stalled_rounds = 5;         // UpdateDone rounds in which nothing new arrived
constexpr int bad_chunk_tries = 5;            // a chunk whose CRC the device finds wrong again and again
constexpr std::size_t min_rate = 4 * 1024;    // bytes a second
constexpr std::size_t most_chunks = 65'534;   // indices have 16 bits

Clock::duration time_at_min_rate(std::size_t bytes) {
  return std::chrono::milliseconds(bytes * 1000 / min_rate);
}

// Responses to chunks may still be on their way with a token that came round again; UpdateDone is answered in its
// acknowledgement by every version, so there the id decides.
bool acknowledges(const Message& message, const Message& request) {
  return message.type == Type::acknowledgement && message.id == request.id;
}

bool answers(const Message& message, const Message& request) {
  const bool responds = coap::is_response(message.code) && message.token == request.token;
  return acknowledges(message, request) || responds;
}

Error refusal(const Message& answer) {
  if (answer.code == Code::service_unavailable)
    return {ErrorKind::refused,
        "the device refuses the update: updates are disabled on it, or the file is too large for it"};
  return {ErrorKind::refused, fmt::format("the device refuses the update ({})", coap::to_string(answer.code))};
}

// One transfer, so that its parts share what they must all know.
class ChunkedTransfer {
public:
  ChunkedTransfer(UpdateChannel& device, ByteView image, const ChunkedOptions& options, const Progress& progress)
      : device_(device), image_(image), options_(options), progress_(progress) {}

  asio::awaitable<Result<Delivery>> run() {
    if (options_.chunk_size == 0 || chunk_count() > most_chunks)
      co_return failure(ErrorKind::refused, "the file has too many chunks for this device");
    const auto fast = co_await begin();
    if (!fast) co_return tl::unexpected(fast.error());
    delivery_.fast = *fast;
    if (*fast) co_return co_await send_fast();
    co_return co_await send_normal();
  }

private:
  std::size_t chunk_count() const { return (image_.size() + options_.chunk_size - 1) / options_.chunk_size; }
  ByteView chunk_data(std::size_t index) const {
    const auto at = index * options_.chunk_size;
    return image_.subspan(at, std::min<std::size_t>(options_.chunk_size, image_.size() - at));
  }

  asio::awaitable<Result<void>> send_request(Message& request, bool more_follow = false) {
    if (Clock::now() > deadline_)
      co_return failure(ErrorKind::timed_out, "the transfer takes longer than any device needs");
    request.id = device_.next_message_id();
    request.token = device_.next_token();
    co_return co_await device_.send(request, more_follow);
  }

  // UpdateBegin; true when the device chose fast OTA.
  asio::awaitable<Result<bool>> begin() {
    auto request = update_begin(options_.offer_fast, options_.chunk_size, static_cast<std::uint32_t>(image_.size()));
    if (const auto sent = co_await send_request(request); !sent) co_return tl::unexpected(sent.error());
    const auto deadline = Clock::now() + ready_timeout(image_.size());
    for (;;) {
      const auto answer = co_await device_.receive_update_message(deadline);
      if (!answer && answer.error().kind == ErrorKind::timed_out)
        co_return failure(ErrorKind::timed_out, "the device did not get ready for the update in time");
      if (!answer) co_return tl::unexpected(answer.error());
      if (!answers(*answer, request) || answer->code == Code::empty) continue;
      if (!coap::is_success(answer->code)) co_return tl::unexpected(refusal(*answer));
      co_return is_fast(*answer);
    }
  }

  asio::awaitable<Result<Delivery>> send_normal() {
    std::size_t index = 0;
    int tries = 0;
    while (index < chunk_count()) {
      auto request = chunk(chunk_data(index));
      if (const auto sent = co_await send_request(request); !sent) co_return tl::unexpected(sent.error());
      count_chunk(chunk_data(index).size());
      const auto received = co_await chunk_received(request);
      if (!received) co_return tl::unexpected(received.error());
      if (*received) {
        ++index;
        tries = 0;
        progress_(std::min(index * options_.chunk_size, image_.size()));
      } else if (++tries == bad_chunk_tries) {
        co_return failure(ErrorKind::refused, fmt::format("chunk {} arrives damaged every time", index));
      } else {
        resend(delivery_.resent + 1);
      }
    }
    co_return co_await finish();
  }

  // True for a chunk that arrived whole. Over TCP an unanswered chunk is never sent again: the device counts chunks,
  // and would write it twice.
  asio::awaitable<Result<bool>> chunk_received(const Message& request) {
    const auto deadline = Clock::now() + chunk_timeout;
    for (;;) {
      const auto answer = co_await device_.receive_update_message(deadline);
      if (!answer && answer.error().kind == ErrorKind::timed_out)
        co_return failure(ErrorKind::timed_out, "the device stopped answering in the middle of the transfer");
      if (!answer) co_return tl::unexpected(answer.error());
      if (!answers(*answer, request) || answer->code == Code::empty) continue;
      if (coap::is_success(answer->code)) co_return true;
      if (!answer->payload.empty()) co_return failure(ErrorKind::refused, protocol_error_words(answer->payload[0]));
      co_return false;
    }
  }

  asio::awaitable<Result<Delivery>> send_fast() {
    if (!device_.reliable()) co_return co_await send_fast_over_datagrams();
    for (std::size_t index = 0; index < chunk_count(); ++index)
      if (const auto sent = co_await send_fast_chunk(index); !sent) co_return tl::unexpected(sent.error());
    highest_sent_ = chunk_count();
    co_return co_await finish();
  }

  // Over UDP chunks get lost, and a device says which only when it is asked: every UpdateDone that comes too early is
  // answered 4.00 and with ChunkMissed, the first indices it has not got. So UpdateDone is asked every few chunks, and
  // what it brings drives the pacer like the acknowledgements of protocol v3. It is not confirmable: each copy would be
  // answered like the first, and a device before 2.0 is deaf while it waits for the acknowledgement of its ChunkMissed.
  asio::awaitable<Result<Delivery>> send_fast_over_datagrams() {
    ChunkPacer pacer(chunk_count(), chunk_count(), Clock::now());
    const auto per_probe = options_.waits_for_answers ? chunks_per_round : chunks_per_probe;
    const std::vector<std::uint16_t> nothing_missing;
    std::vector<Message> probes;
    std::size_t since_probe = 0;
    int unanswered = 0;
    auto probed_at = Clock::time_point::min();
    auto probe_at = Clock::time_point::max();
    Clock::duration round_trip{};
    bool awaits_answer = false;
    for (;;) {
      while (!awaits_answer) {
        const auto index = pacer.next(Clock::now());
        if (!index) break;
        if (const auto sent = co_await send_fast_chunk(*index); !sent) co_return tl::unexpected(sent.error());
        if (++since_probe == per_probe) break;
      }
      const bool overdue = Clock::now() >= probe_at;
      if (since_probe == per_probe || (since_probe > 0 && pacer.awaits_acknowledgement()) || overdue) {
        auto probe = update_done(Type::non_confirmable);
        if (const auto sent = co_await send_request(probe); !sent) co_return tl::unexpected(sent.error());
        if (overdue) ++unanswered;
        probes.push_back(probe);
        since_probe = 0;
        probed_at = Clock::now();
        probe_at = probed_at + probe_time(round_trip, unanswered);
        awaits_answer = options_.waits_for_answers;
      }
      const auto stalled = pacer.last_progress_at() + stall_timeout;
      const auto next_wakeup = awaits_answer ? probe_at : pacer.next_wakeup();
      const auto until = std::min({next_wakeup, probe_at, stalled});
      const auto answer = co_await device_.receive_update_message(until);
      const auto now = Clock::now();
      resend(pacer.sent_again());
      if (!answer && answer.error().kind == ErrorKind::timed_out) {
        if (now >= stalled)
          co_return failure(ErrorKind::timed_out, "the device stopped answering in the middle of the transfer");
        awaits_answer &= now < probe_at;
        pacer.on_timer(now);
        continue;
      }
      // A session that ended is no delivery: over UDP silence is not a reset, and what arrived is for the next Describe
      // to say.
      if (!answer) co_return tl::unexpected(answer.error());
      if (is_chunk_missed(*answer)) {
        awaits_answer = false;
        unanswered = 0;
        const auto missing = missed_chunks(*answer, chunk_count());
        pacer.received(report_of(missing), now);
        pacer.missed(missing, now);
        progress_(std::min(pacer.in_order() * options_.chunk_size, image_.size()));
        continue;
      }
      const auto asked = std::find_if(probes.begin(), probes.end(), [&](const Message& probe) {
        return answers(*answer, probe) || (answer->type == Type::reset && answer->id == probe.id);
      });
      const bool of_a_probe = asked != probes.end();
      if (!of_a_probe && !is_update_done(*answer)) continue;
      if (answer->type == Type::reset)
        co_return failure(ErrorKind::session_restarted, "the device lost the update in the middle of the transfer");
      if (answer->code == Code::empty) continue;
      if (of_a_probe && answer->id == probes.back().id) round_trip = now - probed_at;
      if (of_a_probe) probes.erase(probes.begin(), asked + 1);
      if (of_a_probe && answer->code == Code::bad_request) continue;  // which ones it misses comes apart
      if (of_a_probe && !coap::is_success(answer->code)) co_return tl::unexpected(refusal(*answer));
      if (const auto concluded = handle_final_result(answer->payload, nothing_missing); !concluded)
        co_return tl::unexpected(concluded.error());
      co_return delivery_;
    }
  }

  static Clock::duration probe_time(Clock::duration round_trip, int unanswered) {
    const auto usual = round_trip == Clock::duration{}
        ? Clock::duration(first_probe_time)
        : std::clamp<Clock::duration>(2 * round_trip, least_probe_time, first_probe_time);
    return std::min<Clock::duration>(usual * (1 << std::min(unanswered, 4)), most_probe_time);
  }

  // The device names what it misses from the front on: all that lies between is there.
  static ChunksReceived report_of(const std::vector<std::uint16_t>& missing) {
    ChunksReceived report;
    if (missing.empty()) return report;
    report.in_order = missing.front();
    for (std::size_t i = 1; i < missing.size(); ++i)
      for (std::uint32_t index = missing[i - 1] + 1U; index < missing[i]; ++index)
        report.out_of_order.push_back(index + 1);  // counted from 1
    return report;
  }

  asio::awaitable<Result<void>> send_fast_chunk(std::size_t index) {
    auto message = chunk(chunk_data(index), static_cast<std::uint16_t>(index));
    const auto sent = co_await send_request(message, true);
    if (sent) report_written((index + 1) * options_.chunk_size);
    if (sent) count_chunk(chunk_data(index).size());
    co_return sent;
  }

  void resend(std::size_t chunks) { count_resent(chunks - std::exchange(delivery_.resent, chunks)); }

  // In fast OTA the device is silent while chunks arrive; what its TCP has acknowledged is the best word there is.
  void report_written(std::size_t written) {
    if (!device_.reliable()) return;
    const auto under_way = device_.unacknowledged();
    const auto arrived = std::min(written, image_.size());
    arrived_ = std::max(arrived_, arrived > under_way ? arrived - under_way : 0);
    progress_(arrived_);
  }

  // UpdateDone, until the device has everything: it answers 4.00 and names what it misses, gets that, and is asked
  // again.
  asio::awaitable<Result<Delivery>> finish() {
    std::size_t min_missing = chunk_count() + 1;
    int stalled_rounds = 0;
    for (;;) {
      auto request = update_done();
      if (const auto sent = co_await send_request(request); !sent) co_return tl::unexpected(sent.error());
      const auto missing = co_await done_answer(request);
      if (!missing) co_return tl::unexpected(missing.error());
      if (finished_) co_return delivery_;
      if (missing->empty())
        co_return failure(ErrorKind::refused, "the device says that chunks are missing and does not say which");

      const auto still_missing = chunk_count() - std::min<std::size_t>(chunk_count(), missing->front());
      stalled_rounds = still_missing < min_missing ? 0 : stalled_rounds + 1;
      min_missing = std::min(min_missing, still_missing);
      if (stalled_rounds == max_stalled_rounds)
        co_return failure(
            ErrorKind::refused, fmt::format("the device asks for chunk {} again and again", missing->front()));
      for (const auto index : *missing) {
        if (index < highest_sent_) resend(delivery_.resent + 1);
        highest_sent_ = std::max<std::size_t>(highest_sent_, index + std::size_t{1});
        if (const auto sent = co_await send_fast_chunk(index); !sent) co_return tl::unexpected(sent.error());
      }
    }
  }

  // The chunks that the device misses; none, with finished_ set, when it has them all.
  asio::awaitable<Result<std::vector<std::uint16_t>>> done_answer(const Message& request) {
    std::vector<std::uint16_t> missing;
    bool incomplete_reported = false;
    auto deadline = Clock::now() + done_timeout(image_.size());
    for (;;) {
      const auto answer = co_await device_.receive_update_message(deadline);
      const bool went_away =
          !answer && (answer.error().kind == ErrorKind::closed || answer.error().kind == ErrorKind::session_restarted);
      if (went_away && !incomplete_reported) {
        finished_ = true;  // before 0.8 devices reset without a word; the next Describe tells
        co_return missing;
      }
      if (!answer && answer.error().kind == ErrorKind::timed_out) {
        if (incomplete_reported) co_return missing;
        co_return failure(ErrorKind::timed_out, "the device did not confirm the image in time");
      }
      if (!answer) co_return tl::unexpected(answer.error());

      if (is_chunk_missed(*answer)) {
        // Up to 0.7 devices also ask by themselves; what counts is what they miss in answer to this
        // UpdateDone.
        if (!incomplete_reported) continue;
        missing = missed_chunks(*answer, chunk_count());
        co_return missing;
      }
      if (is_update_done(*answer)) co_return handle_final_result(answer->payload, missing);
      if (!acknowledges(*answer, request) || answer->code == Code::empty) continue;
      if (coap::is_success(answer->code)) co_return handle_final_result(answer->payload, missing);
      if (answer->code != Code::bad_request) co_return tl::unexpected(refusal(*answer));
      incomplete_reported = true;
      deadline = Clock::now() + missed_timeout;
    }
  }

  Result<std::vector<std::uint16_t>> handle_final_result(ByteView payload, const std::vector<std::uint16_t>& missing) {
    auto check = parse_image_check(payload);
    if (!check.accepted) return failure(ErrorKind::refused, std::move(check.words));
    finished_ = true;
    delivery_.confirmed = true;
    progress_(image_.size());
    return missing;
  }

  UpdateChannel& device_;
  ByteView image_;
  ChunkedOptions options_;
  const Progress& progress_;
  Delivery delivery_;
  Clock::time_point deadline_ = Clock::now() + transfer_timeout(image_.size());
  std::size_t arrived_ = 0;
  std::size_t highest_sent_ = 0;
  bool finished_ = false;
};

}  // namespace

Clock::duration ready_timeout(std::size_t image_size) {
  return 60s + time_at_min_rate(image_size);
}
Clock::duration done_timeout(std::size_t image_size) {
  return 60s + time_at_min_rate(image_size);
}
Clock::duration transfer_timeout(std::size_t image_size) {
  return 10min + 8 * time_at_min_rate(image_size);
}

asio::awaitable<Result<Delivery>> send_chunked(
    UpdateChannel& device, ByteView image, ChunkedOptions options, const Progress& progress) {
  ChunkedTransfer transfer(device, image, options, progress);
  co_return co_await transfer.run();
}

}  // namespace drydock::transfer
