// The body of a request, read within its size and its time: into memory, or for an upload into a file.
#pragma once

#include "base/bytes.hpp"
#include "web/http.hpp"

#include <chrono>
#include <functional>
#include <optional>

struct mg_connection;

namespace drydock::web {

/// A file that is gone with this object. Sweeping the folder removes what a killed program left (ModuleFiles::sweep).
class UploadFile {
public:
  /// ErrorKind::storage.
  static Result<UploadFile> create(const std::filesystem::path& folder);
  UploadFile(UploadFile&& other) noexcept;
  UploadFile& operator=(UploadFile&&) = delete;
  ~UploadFile();
  Result<void> write(ByteView content);
  const std::filesystem::path& path() const { return path_; }

private:
  UploadFile(std::filesystem::path path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::filesystem::path path_;
  int fd_;
};

/// Reads what is still to come of a short body, so that the client hears the answer instead of a reset; a long one it
/// hears as it may. Whether nothing is left.
bool discard_body(mg_connection* connection);

/// Whether a body may come without its length, in chunks.
enum class Chunked { refused, allowed };

/// How long the body of this request may take, when at most `limit` bytes of it are taken.
std::chrono::seconds time_for_body(const mg_connection& connection, std::size_t limit);

/// Hands the body on piece by piece. The answer to one that will not do: no length, longer than `limit`, cut off, or
/// slower than time_for_body().
std::optional<Response> read_body(mg_connection* connection, std::size_t limit,
    const std::function<Result<void>(ByteView)>& take, Chunked chunked = Chunked::refused);

}  // namespace drydock::web
