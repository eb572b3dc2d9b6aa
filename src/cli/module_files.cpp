#include "cli/module_files.hpp"

#include "base/limits.hpp"
#include "cli/identity.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <memory>
#include <zip.h>

namespace drydock::cli {
namespace {

using std::filesystem::path;

constexpr zip_int64_t most_entries = 10'000;
constexpr std::size_t largest_archive = 256 * 1024 * 1024;  // bytes, of what is unpacked too

struct Close {
  void operator()(zip_t* archive) const { zip_discard(archive); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

Error no_archive(const path& file, const char* why) {
  return {ErrorKind::malformed, fmt::format("{} cannot be read as a zip archive: {}", file.string(), why)};
}

Result<Bytes> read_entry(zip_t* archive, zip_uint64_t index, const std::string& name) {
  const std::unique_ptr<zip_file_t, Close> file(zip_fopen_index(archive, index, 0));
  if (!file) return failure(ErrorKind::malformed, fmt::format("{}: {}", name, zip_strerror(archive)));
  // What the archive says of its size need not be true.
  Bytes content(limits::module_file + 1);
  std::size_t size = 0;
  while (size < content.size()) {
    const auto read = zip_fread(file.get(), content.data() + size, content.size() - size);
    if (read < 0) return failure(ErrorKind::malformed, fmt::format("{} is damaged in its archive", name));
    if (read == 0) break;
    size += static_cast<std::size_t>(read);
  }
  if (size > limits::module_file)
    return failure(ErrorKind::too_large, fmt::format("{} is larger than any module", name));
  content.resize(size);
  return content;
}

void read_archive(const path& file, std::vector<NamedFile>& files) {
  const auto bytes = read_named(file, largest_archive);
  if (!bytes) return files.push_back({file.filename().string(), tl::unexpected(bytes.error())});
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes->data(), bytes->size(), 0, &error);
  const std::unique_ptr<zip_t, Close> archive(
      source == nullptr ? nullptr : zip_open_from_source(source, ZIP_RDONLY, &error));
  if (!archive) {
    files.push_back({file.filename().string(), tl::unexpected(no_archive(file, zip_error_strerror(&error)))});
    if (source != nullptr) zip_source_free(source);
    zip_error_fini(&error);
    return;
  }
  zip_error_fini(&error);
  const auto entries = zip_get_num_entries(archive.get(), 0);
  if (entries > most_entries)
    return files.push_back({file.filename().string(), tl::unexpected(no_archive(file, "it has too many entries"))});
  std::size_t unpacked = 0;
  std::vector<NamedFile> found;
  for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(entries); ++i) {
    const char* full_name = zip_get_name(archive.get(), i, 0);
    const path name(full_name == nullptr ? "" : full_name);
    if (name.extension() != ".bin") continue;
    found.push_back({name.filename().string(), read_entry(archive.get(), i, name.string())});
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

std::vector<path> expand(const std::vector<path>& files) {
  const AsCaller caller;
  std::vector<path> expanded;
  for (const auto& file : files) {
    if (!std::filesystem::is_directory(file)) {
      expanded.push_back(file);
      continue;
    }
    const auto first = expanded.size();
    for (const auto& entry : std::filesystem::directory_iterator(file))
      if (entry.path().extension() == ".bin") expanded.push_back(entry.path());
    std::sort(expanded.begin() + static_cast<std::ptrdiff_t>(first), expanded.end());
  }
  return expanded;
}

std::vector<NamedFile> read_module_files(const std::vector<path>& given) {
  std::vector<NamedFile> files;
  for (const auto& file : expand(given)) {
    if (file.extension() == ".zip")
      read_archive(file, files);
    else
      files.push_back({file.filename().string(), read_named(file, limits::module_file)});
  }
  return files;
}

}  // namespace drydock::cli
