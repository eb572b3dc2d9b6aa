// libzip, loaded when an archive is read and not before: it brings OpenSSL along, which the service would carry for
// nothing.
#pragma once

#include "base/result.hpp"

#include <zip.h>

namespace drydock::cli {

struct Libzip {
  decltype(&::zip_discard) discard;
  decltype(&::zip_fclose) fclose;
  decltype(&::zip_fopen_index) fopen_index;
  decltype(&::zip_fread) fread;
  decltype(&::zip_strerror) strerror;
  decltype(&::zip_error_init) error_init;
  decltype(&::zip_error_fini) error_fini;
  decltype(&::zip_error_strerror) error_strerror;
  decltype(&::zip_source_buffer_create) source_buffer_create;
  decltype(&::zip_source_free) source_free;
  decltype(&::zip_open_from_source) open_from_source;
  decltype(&::zip_get_num_entries) get_num_entries;
  decltype(&::zip_get_name) get_name;

  /// ErrorKind::not_found: it is not installed.
  static Result<const Libzip*> load();
};

}  // namespace drydock::cli
