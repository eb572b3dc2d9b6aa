#include "crypto/tls.hpp"

#include <wolfssl/options.h>

#include <wolfssl/error-ssl.h>
#include <wolfssl/ssl.h>

#include <algorithm>
#include <cstring>
#include <fmt/core.h>
#include <stdexcept>
#include <string>

namespace drydock::crypto {
namespace {

// With forward secrecy and authenticated encryption alone; every browser since 2016 has one of them.
constexpr const char* suites =
    "TLS13-AES128-GCM-SHA256:TLS13-AES256-GCM-SHA384:TLS13-CHACHA20-POLY1305-SHA256:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305";

std::string words_of(int code) {
  char text[WOLFSSL_MAX_ERROR_SZ] = "";
  ::wolfSSL_ERR_error_string(static_cast<unsigned long>(code), text);
  return text;
}

void require(bool done, const char* what) {
  if (!done) throw std::runtime_error(std::string("wolfSSL: ") + what);
}

}  // namespace

Result<std::shared_ptr<const TlsServer>> TlsServer::create(ByteView pem) {
  static const bool ready = ::wolfSSL_Init() == WOLFSSL_SUCCESS;
  require(ready, "it does not start");
  const std::shared_ptr<TlsServer> server(new TlsServer);
  server->context_ = ::wolfSSL_CTX_new(::wolfSSLv23_server_method());
  auto* context = server->context_;
  require(context != nullptr, "no memory");
  require(::wolfSSL_CTX_SetMinVersion(context, WOLFSSL_TLSV1_2) == WOLFSSL_SUCCESS, "no TLS 1.2");
  require(::wolfSSL_CTX_set_cipher_list(context, suites) == WOLFSSL_SUCCESS, "no cipher suites");
  ::wolfSSL_CTX_set_session_cache_mode(context, WOLFSSL_SESS_CACHE_OFF);
  // X25519 first: for P-256 wolfCrypt keeps tables of the points that it met.
  int groups[] = {WOLFSSL_ECC_X25519, WOLFSSL_ECC_SECP256R1};
  (void)::wolfSSL_CTX_set_groups(context, groups, 2);
  ::wolfSSL_CTX_SetIORecv(context, TlsSession::take_input);
  ::wolfSSL_CTX_SetIOSend(context, TlsSession::put_output);

  const auto size = static_cast<long>(pem.size());
  const auto certificate = ::wolfSSL_CTX_use_certificate_chain_buffer(context, pem.data(), size);
  if (certificate != WOLFSSL_SUCCESS)
    return failure(ErrorKind::malformed, fmt::format("the certificate cannot be read ({})", words_of(certificate)));
  const auto key = ::wolfSSL_CTX_use_PrivateKey_buffer(context, pem.data(), size, WOLFSSL_FILETYPE_PEM);
  if (key != WOLFSSL_SUCCESS)
    return failure(ErrorKind::malformed, fmt::format("the private key cannot be read ({})", words_of(key)));
  if (::wolfSSL_CTX_check_private_key(context) != WOLFSSL_SUCCESS)
    return failure(ErrorKind::malformed, "the private key is not that of the certificate");
  return server;
}

TlsServer::~TlsServer() {
  ::wolfSSL_CTX_free(context_);
}

TlsSession::TlsSession(std::shared_ptr<const TlsServer> server)
    : server_(std::move(server)), session_(::wolfSSL_new(server_->context_)) {
  require(session_ != nullptr, "no memory");
  ::wolfSSL_SetIOReadCtx(session_, this);
  ::wolfSSL_SetIOWriteCtx(session_, this);
}

TlsSession::~TlsSession() {
  ::wolfSSL_free(session_);
}

int TlsSession::take_input(WOLFSSL*, char* to, int size, void* session) {
  auto& self = *static_cast<TlsSession*>(session);
  const auto left = self.input_.size() - self.input_read_;
  if (left == 0) return WOLFSSL_CBIO_ERR_WANT_READ;
  const auto taken = std::min(left, static_cast<std::size_t>(size));
  std::memcpy(to, self.input_.data() + self.input_read_, taken);
  self.input_read_ += taken;
  if (self.input_read_ == self.input_.size()) {
    self.input_.clear();
    self.input_read_ = 0;
  }
  return static_cast<int>(taken);
}

int TlsSession::put_output(WOLFSSL*, char* from, int size, void* session) {
  auto& self = *static_cast<TlsSession*>(session);
  self.output_.insert(self.output_.end(), from, from + size);
  return size;
}

void TlsSession::receive(ByteView from_network) {
  append(input_, from_network);
}

Bytes TlsSession::take_output() {
  return std::exchange(output_, {});
}

Error TlsSession::error_of(int code) const {
  const auto error = ::wolfSSL_get_error(session_, code);
  if (error == WOLFSSL_ERROR_ZERO_RETURN) return {ErrorKind::closed, "the connection was closed"};
  return {ErrorKind::malformed, words_of(error)};
}

Result<bool> TlsSession::handshake() {
  const auto done = ::wolfSSL_accept(session_);
  if (done == WOLFSSL_SUCCESS) return true;
  if (::wolfSSL_get_error(session_, done) == WOLFSSL_ERROR_WANT_READ) return false;
  return tl::unexpected(error_of(done));
}

Result<std::size_t> TlsSession::read(std::span<std::uint8_t> to) {
  const auto count = ::wolfSSL_read(session_, to.data(), static_cast<int>(to.size()));
  if (count > 0) return static_cast<std::size_t>(count);
  if (::wolfSSL_get_error(session_, count) == WOLFSSL_ERROR_WANT_READ) return std::size_t{0};
  return tl::unexpected(error_of(count));
}

Result<void> TlsSession::write(ByteView plain) {
  while (!plain.empty()) {
    const auto count = ::wolfSSL_write(session_, plain.data(), static_cast<int>(plain.size()));
    if (count <= 0) return tl::unexpected(error_of(count));
    plain = plain.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

void TlsSession::close() {
  (void)::wolfSSL_shutdown(session_);
}

}  // namespace drydock::crypto
