// Wakes the service when the command line has changed the database: inotify on one file, so that waiting costs nothing.
#pragma once

#include "state/state_folder.hpp"

#include <asio/awaitable.hpp>
#include <asio/posix/stream_descriptor.hpp>

namespace drydock::service {

class DatabaseWatcher {
public:
  /// Throws std::system_error when the kernel has no watches left.
  DatabaseWatcher(asio::any_io_executor executor, const state::StateFolder& folder);

  /// True at the next change (several at once count as one), false after stop(). A file that was removed is made again.
  asio::awaitable<bool> changed();
  void stop();

private:
  bool watch();

  state::StateFolder folder_;
  asio::posix::stream_descriptor inotify_;
};

}  // namespace drydock::service
