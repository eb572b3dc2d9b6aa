#include "cli/libzip.hpp"

#include <dlfcn.h>

namespace drydock::cli {
namespace {

template <class Function>
bool find(void* library, Function& function, const char* name) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

Result<Libzip> load_library() {
  void* library = nullptr;
  for (const auto* name : {"libzip.so.5", "libzip.so.4"})  // Debian 13, Debian 12
    if (library == nullptr) library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  Libzip zip{};
  if (library == nullptr || !find(library, zip.discard, "zip_discard") || !find(library, zip.fclose, "zip_fclose") ||
      !find(library, zip.fopen_index, "zip_fopen_index") || !find(library, zip.fread, "zip_fread") ||
      !find(library, zip.strerror, "zip_strerror") || !find(library, zip.error_init, "zip_error_init") ||
      !find(library, zip.error_fini, "zip_error_fini") || !find(library, zip.error_strerror, "zip_error_strerror") ||
      !find(library, zip.source_buffer_create, "zip_source_buffer_create") ||
      !find(library, zip.source_free, "zip_source_free") ||
      !find(library, zip.open_from_source, "zip_open_from_source") ||
      !find(library, zip.get_num_entries, "zip_get_num_entries") || !find(library, zip.get_name, "zip_get_name"))
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
