#include "transport/lightssl/frames.hpp"

#include "base/limits.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace drydock::transport::lightssl {
namespace {

constexpr std::size_t length_size = 2;

std::optional<std::size_t> size_without_padding(ByteView padded) {
  const std::size_t padding = padded.back();
  if (padding == 0 || padding > crypto::aes_block) return std::nullopt;
  const auto tail = padded.last(padding);
  if (!std::all_of(tail.begin(), tail.end(), [padding](std::uint8_t byte) { return byte == padding; }))
    return std::nullopt;
  return padded.size() - padding;
}

}  // namespace

void FrameWriter::seal(ByteView message, Bytes& wire) {
  const auto padding = static_cast<std::uint8_t>(crypto::aes_block - message.size() % crypto::aes_block);
  const auto start = wire.size() + length_size;
  put_be16(wire, static_cast<std::uint16_t>(message.size() + padding));
  append(wire, message);
  wire.insert(wire.end(), padding, padding);
  const auto ciphertext = std::span(wire).subspan(start);
  cipher_.encrypt(iv_, ciphertext);
  std::copy_n(ciphertext.begin(), iv_.size(), iv_.begin());
}

void FrameReader::rest() {
  cipher_.rest();
  if (buffer_.empty()) buffer_.shrink_to_fit();
}

Result<std::optional<Bytes>> FrameReader::next() {
  const auto waiting = ByteView(buffer_).subspan(consumed_);
  if (waiting.size() < length_size) return std::nullopt;
  const std::size_t length = get_be16(waiting, 0);
  if (length > limits::frame)
    return failure(
        ErrorKind::too_large, fmt::format("frame of {} bytes, longer than the {} allowed", length, limits::frame));
  if (length == 0 || length % crypto::aes_block != 0)
    return failure(
        ErrorKind::malformed, fmt::format("frame of {} bytes, not a multiple of {}", length, crypto::aes_block));
  if (waiting.size() < length_size + length) return std::nullopt;

  const auto ciphertext = waiting.subspan(length_size, length);
  Bytes message(ciphertext.begin(), ciphertext.end());
  crypto::AesBlock next_iv;
  std::copy_n(ciphertext.begin(), next_iv.size(), next_iv.begin());
  cipher_.decrypt(iv_, message);
  iv_ = next_iv;
  consumed_ += length_size + length;
  if (consumed_ == buffer_.size() || consumed_ > limits::frame) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(consumed_));
    consumed_ = 0;
  }

  const auto size = size_without_padding(message);
  if (!size) return failure(ErrorKind::malformed, "frame does not decrypt to a padded message");
  message.resize(*size);
  return message;
}

}  // namespace drydock::transport::lightssl
