#include "cli/module_files.hpp"

#include "base/limits.hpp"
#include "cli/identity.hpp"
#include "cli/libzip.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <memory>

namespace drydock::cli {
namespace {

using std::filesystem::path;

constexpr zip_int64_t most_entries = 10'000;
constexpr std::size_t most_in_a_folder = 10'000;
constexpr std::size_t largest_archive = 256 * 1024 * 1024;  // bytes, of what is unpacked too

struct Close {
  const Libzip* zip = nullptr;
  void operator()(zip_t* archive) const { zip->discard(archive); }
  void operator()(zip_file_t* file) const { zip->fclose(file); }
};

Error no_archive(const path& file, const char* why) {
  return {ErrorKind::malformed, fmt::format("{} cannot be read as a zip archive: {}", file.string(), why)};
}

Result<Bytes> read_entry(const Libzip& zip, zip_t* archive, zip_uint64_t index, const std::string& name) {
  const std::unique_ptr<zip_file_t, Close> file(zip.fopen_index(archive, index, 0), Close{&zip});
  if (!file) return failure(ErrorKind::malformed, fmt::format("{}: {}", name, zip.strerror(archive)));
  // What the archive says of its size need not be true.
  Bytes content(limits::module_file + 1);
  std::size_t size = 0;
  while (size < content.size()) {
    const auto read = zip.fread(file.get(), content.data() + size, content.size() - size);
    if (read < 0) return failure(ErrorKind::malformed, fmt::format("{} is damaged in its archive", name));
    if (read == 0) break;
    size += static_cast<std::size_t>(read);
  }
  if (size > limits::module_file)
    return failure(ErrorKind::too_large, fmt::format("{} is larger than any module", name));
  content.resize(size);
  return content;
}

void read_archive(const path& file, ModuleFiles& all) {
  auto& files = all.files;
  const auto bytes = read_named(file, largest_archive);
  if (!bytes) return files.push_back({file.filename().string(), tl::unexpected(bytes.error())});
  const auto library = Libzip::load();
  if (!library) return files.push_back({file.filename().string(), tl::unexpected(library.error())});
  const auto& zip = **library;
  zip_error_t error;
  zip.error_init(&error);
  zip_source_t* source = zip.source_buffer_create(bytes->data(), bytes->size(), 0, &error);
  const std::unique_ptr<zip_t, Close> archive(
      source == nullptr ? nullptr : zip.open_from_source(source, ZIP_RDONLY, &error), Close{&zip});
  if (!archive) {
    files.push_back({file.filename().string(), tl::unexpected(no_archive(file, zip.error_strerror(&error)))});
    if (source != nullptr) zip.source_free(source);
    zip.error_fini(&error);
    return;
  }
  zip.error_fini(&error);
  const auto entries = zip.get_num_entries(archive.get(), 0);
  if (entries > most_entries)
    return files.push_back({file.filename().string(), tl::unexpected(no_archive(file, "it has too many entries"))});
  std::size_t unpacked = 0;
  std::vector<NamedFile> found;
  for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(entries); ++i) {
    const char* full_name = zip.get_name(archive.get(), i, 0);
    const path name(full_name == nullptr ? "" : full_name);
    if (name.extension() != ".bin") {
      if (name.has_filename()) all.passed_over.push_back(name.filename().string());
      continue;
    }
    found.push_back({name.filename().string(), read_entry(zip, archive.get(), i, name.string())});
    if (found.back().content) unpacked += found.back().content->size();
    if (unpacked > largest_archive) {
      found.back().content = tl::unexpected(no_archive(file, "there is too much in it"));
      break;
    }
  }
  if (found.empty())
    found.push_back({file.filename().string(), tl::unexpected(no_archive(file, "there is no .bin file in it"))});
  std::sort(found.begin(), found.end(), [](const NamedFile& a, const NamedFile& b) { return a.name < b.name; });
  std::move(found.begin(), found.end(), std::back_inserter(files));
}

}  // namespace

Expanded expand(const std::vector<path>& given) {
  const AsCaller caller;
  Expanded expanded;
  for (const auto& file : given) {
    if (!std::filesystem::is_directory(file)) {
      expanded.files.push_back(file);
      continue;
    }
    std::vector<path> found;
    using Entries = std::filesystem::recursive_directory_iterator;
    std::size_t seen = 0;
    for (const auto& entry : Entries(file, std::filesystem::directory_options::skip_permission_denied)) {
      if (++seen > most_in_a_folder) break;
      std::error_code error;
      if (entry.is_directory(error)) continue;
      if (entry.path().extension() == ".bin")
        found.push_back(entry.path());
      else
        expanded.passed_over.push_back(entry.path().lexically_relative(file).string());
    }
    if (seen > most_in_a_folder) expanded.passed_over.push_back("what comes after the first 10,000 files");
    std::sort(found.begin(), found.end());
    std::move(found.begin(), found.end(), std::back_inserter(expanded.files));
  }
  std::sort(expanded.passed_over.begin(), expanded.passed_over.end());
  return expanded;
}

ModuleFiles read_module_files(const std::vector<path>& given) {
  auto expanded = expand(given);
  ModuleFiles all{{}, std::move(expanded.passed_over)};
  for (const auto& file : expanded.files) {
    if (file.extension() == ".zip")
      read_archive(file, all);
    else
      all.files.push_back({file.filename().string(), read_named(file, limits::module_file)});
  }
  return all;
}

}  // namespace drydock::cli
