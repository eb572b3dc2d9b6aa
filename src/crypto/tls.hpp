// The server's side of TLS 1.2 and 1.3 (RFC 5246, RFC 8446) over bytes: no socket, no clock. wolfSSL does the work.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <memory>
#include <span>

struct WOLFSSL;
struct WOLFSSL_CTX;

namespace drydock::crypto {

/// Certificate and key of a server, for any number of sessions.
class TlsServer {
public:
  /// PEM: the server's certificate, those that signed it, and its private key, in any order but that one.
  /// ErrorKind::malformed, with words, when one is missing, cannot be read, or the two do not belong together.
  static Result<std::shared_ptr<const TlsServer>> create(ByteView pem);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

private:
  friend class TlsSession;
  TlsServer() = default;
  WOLFSSL_CTX* context_ = nullptr;
};

/// One connection. What comes is given to receive(), what is to be sent is fetched with take_output() after each call.
/// Not for two threads at once.
class TlsSession {
public:
  explicit TlsSession(std::shared_ptr<const TlsServer> server);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  void receive(ByteView from_network);
  Bytes take_output();

  /// true: done; false: more bytes must come. ErrorKind::malformed: it will never be done; an alert may be in the
  /// output.
  Result<bool> handshake();
  /// Plain text into `to`: how many bytes; 0: more must come. ErrorKind::closed: the other side has said that it
  /// sends no more; ErrorKind::malformed: what came is not of this session.
  Result<std::size_t> read(std::span<std::uint8_t> to);
  Result<void> write(ByteView plain);
  /// Says that nothing more is sent (close_notify).
  void close();

private:
  friend class TlsServer;
  static int take_input(WOLFSSL*, char* to, int size, void* session);
  static int put_output(WOLFSSL*, char* from, int size, void* session);
  Error error_of(int code) const;

  std::shared_ptr<const TlsServer> server_;
  WOLFSSL* session_ = nullptr;
  Bytes input_;
  std::size_t input_read_ = 0;
  Bytes output_;
};

}  // namespace drydock::crypto
