#include "state/page_certificate.hpp"

#include "base/text.hpp"
#include "crypto/certificate.hpp"
#include "firmware/files.hpp"
#include "state/listening.hpp"

#include <fmt/core.h>

namespace drydock::state {
namespace {

constexpr std::size_t largest = 256 * 1024;

std::filesystem::path own_file(const StateFolder& folder) {
  return folder.root / "page.pem";
}

std::string make(const Configuration& configuration, std::int64_t utc_now) {
  constexpr std::int64_t day = 24 * 3600 * 1000LL, ten_years = 3652 * day;
  const auto name = lower_ascii(host_name());
  crypto::CertificateNames names;
  names.common_name = name;
  names.hosts = {name, "drydock.local", "localhost"};
  if (name.find('.') == std::string::npos) names.hosts.insert(names.hosts.begin() + 1, name + ".local");
  names.hosts.insert(names.hosts.end(), configuration.web.hosts.begin(), configuration.web.hosts.end());
  names.addresses = {"127.0.0.1"};
  for (auto& address : own_addresses()) names.addresses.push_back(std::move(address));
  const auto key = crypto::EcPrivateKey::generate();
  // From a day before: of two machines one's clock is ahead.
  return crypto::self_signed_certificate(key, names, utc_now - day, utc_now + ten_years) + key.to_pem();
}

}  // namespace

Result<PageCertificate> load_page_certificate(const StateFolder& folder, const Configuration& configuration) {
  const auto& configured = configuration.web.certificate;
  PageCertificate certificate;
  certificate.file = configured.empty() ? own_file(folder) : configured;
  auto pem = firmware::read_file(certificate.file, largest);
  if (!pem) return tl::unexpected(pem.error());
  certificate.pem = std::move(*pem);
  const auto text = text_of(certificate.pem);
  auto fingerprint = crypto::certificate_fingerprint(text);
  if (!fingerprint || text.find("PRIVATE KEY") == std::string_view::npos)
    return failure(ErrorKind::malformed,
        fmt::format("{} must hold a certificate and its private key, both as PEM", certificate.file.string()));
  certificate.fingerprint = std::move(*fingerprint);
  return certificate;
}

Result<PageCertificate> load_or_create_page_certificate(
    const StateFolder& folder, const Configuration& configuration, std::int64_t utc_now) {
  auto certificate = load_page_certificate(folder, configuration);
  if (certificate || certificate.error().kind != ErrorKind::not_found || !configuration.web.certificate.empty())
    return certificate;
  const auto pem = make(configuration, utc_now);
  if (const auto written = firmware::write_file(own_file(folder), view_of(pem)); !written)
    return tl::unexpected(written.error());
  return load_page_certificate(folder, configuration);
}

}  // namespace drydock::state
