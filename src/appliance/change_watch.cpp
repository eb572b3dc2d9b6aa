#include "appliance/change_watch.hpp"

#include "base/asio_tokens.hpp"

#include <array>
#include <sys/inotify.h>
#include <system_error>

namespace drydock::appliance {

ChangeWatch::ChangeWatch(asio::any_io_executor executor, const StateFolder& folder) : inotify_(executor) {
  folder.touch_changed();
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "inotify");
  inotify_.assign(fd);
  if (::inotify_add_watch(fd, folder.changed().c_str(), IN_ATTRIB | IN_CLOSE_WRITE) < 0) throw std::system_error(errno, std::generic_category(), "inotify");
}

asio::awaitable<bool> ChangeWatch::changed() {
  std::array<char, 4096> events;
  auto read = co_await inotify_.async_read_some(asio::buffer(events), as_result);
  co_return !std::get<0>(read);
}

void ChangeWatch::stop() {
  asio::error_code ignored;
  inotify_.close(ignored);
}

}  // namespace drydock::appliance
