#include "transport/byte_stream.hpp"

#include <asio/error.hpp>

namespace drydock::transport {

asio::awaitable<ReadResult> ByteStream::read_some(std::span<std::uint8_t> into) {
  for (;;) {
    if (const auto error = co_await wait_readable()) co_return ReadResult{error, 0};
    const auto read = read_now(into);
    if (read.error != asio::error::would_block) co_return read;
  }
}

}  // namespace drydock::transport
