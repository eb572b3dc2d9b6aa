#include "cli/version_words.hpp"

#include "crypto/library.hpp"
#include "store/database.hpp"
#include "version.hpp"
#include "web/server.hpp"

#include <elf.h>
#include <fmt/core.h>
#include <link.h>
#include <zlib.h>

namespace drydock::cli {
namespace {

// The note that the linker puts into every program (--build-id), found in the program itself as it lies in memory.
int look_for_build_id(dl_phdr_info* info, std::size_t, void* out) {
  constexpr std::size_t alignment = 4;
  const auto rounded = [](std::size_t n) { return (n + alignment - 1) / alignment * alignment; };
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_NOTE) continue;
    const auto* at = reinterpret_cast<const char*>(info->dlpi_addr + header.p_vaddr);
    for (std::size_t left = header.p_memsz; left >= sizeof(ElfW(Nhdr));) {
      const auto* note = reinterpret_cast<const ElfW(Nhdr)*>(at);
      const auto size = sizeof *note + rounded(note->n_namesz) + rounded(note->n_descsz);
      if (size > left) break;
      if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4) {
        const auto* id = reinterpret_cast<const unsigned char*>(at + sizeof *note + rounded(note->n_namesz));
        for (std::size_t b = 0; b < note->n_descsz; ++b)
          *static_cast<std::string*>(out) += fmt::format("{:02x}", id[b]);
        return 1;
      }
      at += size;
      left -= size;
    }
  }
  return 1;  // the first is the program; libraries have ids of their own
}

}  // namespace

std::string version_words() {
  std::string build_id;
  ::dl_iterate_phdr(look_for_build_id, &build_id);
  return fmt::format("drydock {}\nbuild {}\nwith wolfSSL {}, SQLite {}, CivetWeb {}, zlib {}, fmt {}.{}.{}", version,
      build_id.empty() ? "without an id" : build_id, crypto::library_version(), store::library_version(),
      web::library_version(), zlibVersion(), FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100);
}

}  // namespace drydock::cli
