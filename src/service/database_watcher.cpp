#include "service/database_watcher.hpp"

#include "base/asio_tokens.hpp"
#include "base/log.hpp"

#include <array>
#include <cstring>
#include <sys/inotify.h>
#include <system_error>

namespace drydock::service {
namespace {

// The kernel drops the watch together with the file.
bool watch_dropped(std::string_view events) {
  for (std::size_t at = 0; at + sizeof(inotify_event) <= events.size();) {
    struct {
      std::int32_t watch;
      std::uint32_t mask, cookie, length;
    } event{};
    static_assert(sizeof event == sizeof(inotify_event));
    std::memcpy(&event, events.data() + at, sizeof event);
    if ((event.mask & IN_IGNORED) != 0) return true;
    at += sizeof event + event.length;
  }
  return false;
}

}  // namespace

DatabaseWatcher::DatabaseWatcher(asio::any_io_executor executor, const state::StateFolder& folder)
    : folder_(folder), inotify_(executor) {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "inotify");
  inotify_.assign(fd);
  if (!watch()) throw std::system_error(errno, std::generic_category(), "inotify");
}

bool DatabaseWatcher::watch() {
  folder_.touch_changed();
  return ::inotify_add_watch(inotify_.native_handle(), folder_.changed().c_str(), IN_ATTRIB | IN_CLOSE_WRITE) >= 0;
}

asio::awaitable<bool> DatabaseWatcher::changed() {
  std::array<char, 4096> events;
  const auto [error, bytes] = co_await inotify_.async_read_some(asio::buffer(events), as_result);
  if (error) co_return false;
  if (!watch_dropped({events.data(), bytes}) || watch()) co_return true;
  log::error("{} was removed and cannot be made again: what the command line changes is seen at the next start only",
      folder_.changed().string());
  co_return false;
}

void DatabaseWatcher::stop() {
  asio::error_code ignored;
  inotify_.close(ignored);
}

}  // namespace drydock::service
