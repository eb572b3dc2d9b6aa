#include "cli/libzip.hpp"

#include "base/shared_library.hpp"

namespace drydock::cli {
namespace {

Result<Libzip> load_library() {
  SharedLibrary library({"libzip.so.5", "libzip.so.4"});  // Debian 13, Debian 12
  Libzip zip{};
  library.find(zip.discard, "zip_discard");
  library.find(zip.fclose, "zip_fclose");
  library.find(zip.fopen_index, "zip_fopen_index");
  library.find(zip.fread, "zip_fread");
  library.find(zip.strerror, "zip_strerror");
  library.find(zip.error_init, "zip_error_init");
  library.find(zip.error_fini, "zip_error_fini");
  library.find(zip.error_strerror, "zip_error_strerror");
  library.find(zip.source_buffer_create, "zip_source_buffer_create");
  library.find(zip.source_free, "zip_source_free");
  library.find(zip.open_from_source, "zip_open_from_source");
  library.find(zip.get_num_entries, "zip_get_num_entries");
  library.find(zip.get_name, "zip_get_name");
  if (!library.complete())
    return failure(ErrorKind::not_found,
        "zip archives are read with libzip, which is not there: 'sudo apt install libzip4' (Debian 12) or 'libzip5' "
        "(Debian 13), or unpack the archive and give its folder");
  return zip;
}

}  // namespace

Result<const Libzip*> Libzip::load() {
  static const auto library = load_library();
  if (!library) return tl::unexpected(library.error());
  return &*library;
}

}  // namespace drydock::cli
