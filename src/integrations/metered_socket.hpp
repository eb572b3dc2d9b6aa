// A socket that lets in a little at a time, and counts it: for a library that reads for as long as anything comes.
#pragma once

#include "base/result.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>

namespace drydock::integrations {

/// One thread's. The library keeps the number of its socket, behind which is one end of a local pair from now on: what
/// it writes goes on to the network, and what comes from there reaches it in portions.
class MeteredSocket {
public:
  static constexpr std::size_t portion = 16 * 1024;

  /// `socket`: a connection, or one that is being made; it need not be non-blocking. ErrorKind::internal: no
  /// descriptors.
  static Result<std::unique_ptr<MeteredSocket>> take_over(int socket);
  ~MeteredSocket();
  MeteredSocket(const MeteredSocket&) = delete;
  MeteredSocket& operator=(const MeteredSocket&) = delete;

  struct Ready {
    bool to_read = false;  ///< something, or an end
    bool to_write = false;
  };
  /// Waits for either side, and carries what is there: one portion at most to the library, once it has read what it was
  /// given before. Then, what that may do.
  Ready exchange(bool wants_to_write, std::chrono::milliseconds longest);
  /// From the network, since the beginning.
  std::uint64_t received() const { return received_; }

private:
  struct Buffer {
    std::array<char, portion> bytes;
    std::size_t begin = 0;
    std::size_t end = 0;
    bool empty() const { return begin == end; }
  };
  MeteredSocket(int network, int inner, int library) : network_(network), inner_(inner), library_(library) {}
  bool fill(Buffer& buffer, int from);
  bool empty(Buffer& buffer, int to);
  void carry_out();
  void carry_in();

  int network_;
  int inner_;    ///< this side's end of the pair
  int library_;  ///< the library's, which closes it
  Buffer out_;
  Buffer in_;
  bool ended_ = false;  ///< the network's side
  std::uint64_t received_ = 0;
};

}  // namespace drydock::integrations
