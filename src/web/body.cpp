#include "web/body.hpp"

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "firmware/files.hpp"

#include <cerrno>
#include <civetweb.h>
#include <cstring>
#include <fcntl.h>
#include <fmt/core.h>
#include <stdlib.h>
#include <unistd.h>
#include <utility>

namespace drydock::web {

Result<UploadFile> UploadFile::create(const std::filesystem::path& folder) {
  auto name = (folder / ".upload.XXXXXX").string();
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0)
    return failure(ErrorKind::storage,
        fmt::format("an upload cannot be written to {}: {}", folder.string(), std::strerror(errno)));
  return UploadFile(name, fd);
}

UploadFile::UploadFile(UploadFile&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

UploadFile::~UploadFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(path_.c_str());
}

Result<void> UploadFile::write(ByteView content) {
  if (firmware::write_all(fd_, content)) return {};
  return failure(ErrorKind::storage, fmt::format("the upload cannot be written: {}", std::strerror(errno)));
}

namespace {

bool is_chunked(const mg_request_info& info) {
  if (info.content_length >= 0) return false;
  for (int i = 0; i < info.num_headers; ++i)
    if (mg_strcasecmp(info.http_headers[i].name, "Transfer-Encoding") == 0) return true;
  return false;
}

}  // namespace

bool discard_body(mg_connection* connection) {
  constexpr long long short_body = 2'048;  // one segment, which is here already
  const auto length = mg_get_request_info(connection)->content_length;
  if (length > short_body) return false;
  return !read_body(connection, limits::page_body, [](ByteView) { return Result<void>{}; });
}

std::chrono::seconds time_for_body(const mg_connection& connection, std::size_t limit) {
  const auto announced = mg_get_request_info(&connection)->content_length;
  const auto length = announced < 0 ? limit : std::min(static_cast<std::size_t>(announced), limit);
  return limits::page_body_time + std::chrono::seconds(length / limits::min_upload_rate);
}

std::optional<Response> read_body(
    mg_connection* connection, std::size_t limit, const std::function<Result<void>(ByteView)>& take, Chunked chunked) {
  const auto* info = mg_get_request_info(connection);
  const bool in_chunks = is_chunked(*info);
  if (in_chunks && chunked == Chunked::refused)
    return problem(411, "Say how long the body is", "chunked bodies are not taken here");
  if (!in_chunks && info->content_length <= 0) return std::nullopt;
  const auto length = in_chunks ? limit : static_cast<std::size_t>(info->content_length);
  const auto too_large = [limit] {
    return problem(413, "Too large", fmt::format("at most {} bytes are taken here", limit));
  };
  if (length > limit) return too_large();
  const auto deadline = std::chrono::steady_clock::now() + time_for_body(*connection, limit);
  // Not on the stack, which is 100 kB in CivetWeb's threads.
  Bytes piece(std::min<std::size_t>(limit, 16 * 1024));
  for (std::size_t have = 0; in_chunks || have < length;) {
    const int got = mg_read(connection, piece.data(), in_chunks ? piece.size() : std::min(piece.size(), length - have));
    if (std::chrono::steady_clock::now() > deadline) return problem(408, "Too slow", "the body takes too long");
    if (got == 0 && in_chunks) break;
    if (got <= 0) return problem(422, "This cannot be used", "the body was cut off");
    have += static_cast<std::size_t>(got);
    if (have > limit) return too_large();
    if (const auto taken = take(ByteView(piece).first(static_cast<std::size_t>(got))); !taken)
      return problem(taken.error());
  }
  return std::nullopt;
}

}  // namespace drydock::web
