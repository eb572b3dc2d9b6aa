// Sends messages with libcurl, any number at the same time: by HTTP on the thread that calls wait(), e-mail each on one
// of its own, for there libcurl waits for the server's word without giving way to others.
#pragma once

#include "base/clock.hpp"
#include "integrations/libcurl.hpp"
#include "integrations/message.hpp"
#include "integrations/private_networks.hpp"

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
  std::string left_out;  ///< of an e-mail that was sent: whom the server refused; empty: nobody
};

class MessageClient {
public:
  MessageClient(const Libcurl& curl, PrivateNetworks networks);
  ~MessageClient();

  /// `key` names it in wait(), and is not used by another one that is under way.
  void start(std::int64_t key, Message message);

  /// Works on what is under way until something has ended, wake() was called, or that time is over.
  std::vector<std::pair<std::int64_t, Outcome>> wait(std::chrono::milliseconds longest);
  /// Any thread.
  void wake();

private:
  struct Transfer;
  void end(Transfer& transfer, CURLcode result, std::vector<std::pair<std::int64_t, Outcome>>& to);
  Outcome outcome_of(Transfer& transfer, CURLcode result);
  void prepare(Transfer& transfer);
  void send_mail(Transfer& transfer);
  void take_mails(std::vector<std::pair<std::int64_t, Outcome>>& to);

  const Libcurl& curl_;
  PrivateNetworks networks_;
  CURLM* multi_;
  std::map<std::int64_t, std::unique_ptr<Transfer>> transfers_;
  std::vector<std::unique_ptr<Transfer>> leaving_;  ///< mails that are sent, and say goodbye
  std::mutex mutex_;
  std::vector<std::pair<std::int64_t, Outcome>> mailed_;  ///< guarded
};

}  // namespace drydock::integrations
