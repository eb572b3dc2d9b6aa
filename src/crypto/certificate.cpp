#include "crypto/certificate.hpp"

#include "base/text.hpp"
#include "crypto/hash.hpp"

#include <asio/ip/address.hpp>
#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/random.h>

#include <cstring>
#include <ctime>
#include <fmt/format.h>
#include <stdexcept>

namespace drydock::crypto {
namespace {

constexpr std::size_t largest = 2 * 1024;

void require(bool done, const char* what) {
  if (!done) throw std::runtime_error(fmt::format("a certificate could not be made: {}", what));
}

// Tag, length below 128, content.
Bytes der(std::uint8_t tag, ByteView content) {
  Bytes all{tag, static_cast<std::uint8_t>(content.size())};
  append(all, content);
  return all;
}

// UTCTime until 2049, GeneralizedTime from then on (RFC 5280 §4.1.2.5).
Bytes der_time(std::int64_t utc) {
  constexpr std::uint8_t utc_time = 0x17, generalized_time = 0x18;
  const auto seconds = static_cast<std::time_t>(utc / 1000);
  std::tm when{};
  ::gmtime_r(&seconds, &when);
  char text[32];
  const bool short_year = when.tm_year < 150;
  const auto size = std::strftime(text, sizeof text, short_year ? "%y%m%d%H%M%SZ" : "%Y%m%d%H%M%SZ", &when);
  return der(short_year ? utc_time : generalized_time, view_of(std::string_view(text, size)));
}

// GeneralNames (RFC 5280 §4.2.1.6); as many as there is room for.
Bytes general_names(const CertificateNames& names) {
  constexpr std::uint8_t dns_name = 0x82, ip_address = 0x87, sequence = 0x30;
  constexpr std::size_t room = 250, longest_host = 63;
  Bytes list;
  const auto take = [&](std::uint8_t tag, ByteView name) {
    if (list.size() + name.size() + 2 <= room) append(list, der(tag, name));
  };
  for (const auto& host : names.hosts)
    if (!host.empty() && host.size() <= longest_host) take(dns_name, view_of(host));
  for (const auto& text : names.addresses) {
    asio::error_code none;
    const auto address = asio::ip::make_address(text, none);
    if (none) continue;
    if (address.is_v4()) take(ip_address, address.to_v4().to_bytes());
    if (address.is_v6()) take(ip_address, address.to_v6().to_bytes());
  }
  Bytes all{sequence};
  if (list.size() >= 0x80) all.push_back(0x81);
  all.push_back(static_cast<std::uint8_t>(list.size()));
  append(all, list);
  return all;
}

struct Generator {
  Generator() { require(wc_InitRng(&rng) == 0, "no random numbers"); }
  ~Generator() { wc_FreeRng(&rng); }
  WC_RNG rng;
};
struct EccKey {
  explicit EccKey(const EcPrivateKey& key) {
    require(wc_ecc_init(&ecc) == 0, "no memory");
    const auto pem = key.to_pem();
    Bytes decoded(pem.size());
    const int size = wc_KeyPemToDer(reinterpret_cast<const byte*>(pem.data()), static_cast<int>(pem.size()),
        decoded.data(), static_cast<int>(decoded.size()), nullptr);
    word32 index = 0;
    require(
        size > 0 && wc_EccPrivateKeyDecode(decoded.data(), &index, &ecc, static_cast<word32>(size)) == 0, "its key");
  }
  ~EccKey() { wc_ecc_free(&ecc); }
  ecc_key ecc;
};

template <std::size_t size>
void copy_text(char (&to)[size], const std::string& text) {
  const auto count = std::min(text.size(), size - 1);
  std::memcpy(to, text.data(), count);
  to[count] = '\0';
}

}  // namespace

std::string self_signed_certificate(
    const EcPrivateKey& key, const CertificateNames& names, std::int64_t from, std::int64_t until) {
  Generator generator;
  EccKey signer(key);
  Cert certificate;
  require(wc_InitCert(&certificate) == 0, "no memory");
  copy_text(certificate.subject.commonName, names.common_name);
  copy_text(certificate.subject.org, "Drydock");
  certificate.sigType = CTC_SHA256wECDSA;
  certificate.selfSigned = 1;
  certificate.isCA = 0;
  certificate.keyUsage = KEYUSE_DIGITAL_SIG;
  certificate.extKeyUsage = EXTKEYUSE_SERVER_AUTH;
  const auto alternatives = general_names(names);
  std::memcpy(certificate.altNames, alternatives.data(), alternatives.size());
  certificate.altNamesSz = static_cast<int>(alternatives.size());
  const auto not_before = der_time(from), not_after = der_time(until);
  std::memcpy(certificate.beforeDate, not_before.data(), not_before.size());
  certificate.beforeDateSz = static_cast<int>(not_before.size());
  std::memcpy(certificate.afterDate, not_after.data(), not_after.size());
  certificate.afterDateSz = static_cast<int>(not_after.size());

  Bytes made(largest);
  require(wc_MakeCert(&certificate, made.data(), largest, nullptr, &signer.ecc, &generator.rng) > 0, "its content");
  const int size =
      wc_SignCert(certificate.bodySz, certificate.sigType, made.data(), largest, nullptr, &signer.ecc, &generator.rng);
  require(size > 0, "its signature");
  std::string pem(2 * largest, '\0');
  const int length = wc_DerToPem(made.data(), static_cast<word32>(size), reinterpret_cast<byte*>(pem.data()),
      static_cast<word32>(pem.size()), CERT_TYPE);
  require(length > 0, "its form");
  pem.resize(static_cast<std::size_t>(length));
  return pem;
}

Result<std::string> certificate_fingerprint(std::string_view pem) {
  Bytes decoded(pem.size());
  const int size = wc_CertPemToDer(reinterpret_cast<const byte*>(pem.data()), static_cast<int>(pem.size()),
      decoded.data(), static_cast<int>(decoded.size()), CERT_TYPE);
  if (size <= 0) return failure(ErrorKind::malformed, "there is no certificate in PEM form");
  decoded.resize(static_cast<std::size_t>(size));
  const auto digest = sha256(decoded);
  return fmt::format("{:02X}", fmt::join(digest, ":"));
}

}  // namespace drydock::crypto
