// Tells who listens of devices that have been away for some minutes, which a reset or an update is not, and of their
// coming back.
#pragma once

#include "base/clock.hpp"
#include "server/events.hpp"
#include "store/writer.hpp"

#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>

namespace drydock::server {

class AbsenceWatch {
public:
  /// `minutes` more than 0. All must outlive the loop's work.
  AbsenceWatch(
      asio::io_context& loop, store::Writer& writer, int minutes, std::function<void(const PublishedEvent&)> publish);

  /// When devices may come.
  void start();
  void stop();

private:
  asio::awaitable<void> run();

  asio::io_context& loop_;
  store::Writer& writer_;
  std::chrono::minutes longest_;
  std::function<void(const PublishedEvent&)> publish_;
  Timer timer_;
  bool stopped_ = false;
};

}  // namespace drydock::server
