// Sends messages with libcurl, any number at the same time, each on a thread of its own: where libcurl waits for the
// word of a mail server, or reads what TLS has to say, it does not give way to others, nor look at the time.
#pragma once

#include "base/clock.hpp"
#include "integrations/libcurl.hpp"
#include "integrations/message.hpp"
#include "integrations/private_networks.hpp"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace drydock::integrations {

/// What became of a message. The error says, in words for people, what the receiver answered or why it was not reached.
struct Outcome {
  std::optional<Error> error;
  std::optional<Clock::duration> asked_to_wait;  ///< Retry-After
  bool for_good = false;                         ///< this message will never be taken
  std::string left_out;                          ///< of an e-mail that was sent: whom the server refused; empty: nobody
};

class MessageClient {
public:
  MessageClient(const Libcurl& curl, PrivateNetworks networks);
  ~MessageClient();

  /// `key` names it in wait(), and is not used by another one that is under way.
  void start(std::int64_t key, Message message);

  /// Until something has ended, wake() was called, or that time is over.
  std::vector<std::pair<std::int64_t, Outcome>> wait(std::chrono::milliseconds longest);
  /// Any thread.
  void wake();

private:
  struct Transfer;
  Outcome outcome_of(Transfer& transfer, CURLcode result);
  void prepare(Transfer& transfer);
  void send(Transfer& transfer);
  std::vector<std::pair<std::int64_t, Outcome>> take_ended();

  const Libcurl& curl_;
  PrivateNetworks networks_;
  std::map<std::int64_t, std::unique_ptr<Transfer>> transfers_;
  std::vector<std::unique_ptr<Transfer>> leaving_;  ///< whose outcome was told
  std::mutex mutex_;
  std::condition_variable news_;
  bool woken_ = false;                                   ///< guarded
  std::vector<std::pair<std::int64_t, Outcome>> ended_;  ///< guarded
};

}  // namespace drydock::integrations
