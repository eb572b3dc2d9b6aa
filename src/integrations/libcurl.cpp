#include "integrations/libcurl.hpp"

#include "base/shared_library.hpp"

namespace drydock::integrations {
namespace {

Result<Libcurl> load_library() {
  SharedLibrary library({"libcurl.so.4", "libcurl-gnutls.so.4"});
  Libcurl curl{};
  library.find(curl.global_init, "curl_global_init");
  library.find(curl.easy_init, "curl_easy_init");
  library.find(curl.easy_cleanup, "curl_easy_cleanup");
  library.find(curl.easy_perform, "curl_easy_perform");
  library.find(curl.easy_setopt, "curl_easy_setopt");
  library.find(curl.easy_getinfo, "curl_easy_getinfo");
  library.find(curl.easy_strerror, "curl_easy_strerror");
  library.find(curl.slist_append, "curl_slist_append");
  library.find(curl.slist_free_all, "curl_slist_free_all");
  library.find(curl.mime_init, "curl_mime_init");
  library.find(curl.mime_free, "curl_mime_free");
  library.find(curl.mime_addpart, "curl_mime_addpart");
  library.find(curl.mime_data, "curl_mime_data");
  library.find(curl.mime_type, "curl_mime_type");
  library.find(curl.mime_encoder, "curl_mime_encoder");
  if (!library.complete() || curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    return failure(ErrorKind::not_found,
        "webhooks, e-mail and ntfy are sent with libcurl, which is not there: 'sudo apt install libcurl4' (Debian 12) "
        "or "
        "'libcurl4t64' (Debian 13)");
  return curl;
}

}  // namespace

Result<const Libcurl*> Libcurl::load() {
  static const auto library = load_library();
  if (!library) return tl::unexpected(library.error());
  return &*library;
}

}  // namespace drydock::integrations
