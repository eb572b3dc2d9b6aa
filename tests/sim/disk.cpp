#include "sim/disk.hpp"

#include <algorithm>
#include <cstring>
#include <sqlite3.h>

namespace drydock::sim {

struct Disk::File {
  struct Change {
    std::size_t at = 0;
    Bytes bytes;
    bool truncates = false;  ///< to `at`
  };
  Bytes content;  ///< as a process sees it
  Bytes synced;   ///< as it is certain to be after a power cut
  std::vector<Change> unsynced;
  std::vector<std::unique_ptr<std::uint64_t[]>> shared_memory;

  static void apply(Bytes& to, const Change& change) {
    if (change.truncates) return to.resize(std::min(to.size(), change.at));
    if (to.size() < change.at + change.bytes.size()) to.resize(change.at + change.bytes.size());
    std::copy(change.bytes.begin(), change.bytes.end(), to.begin() + static_cast<std::ptrdiff_t>(change.at));
  }
  void change(Change what) {
    apply(content, what);
    unsynced.push_back(std::move(what));
  }
  void sync() {
    for (const auto& change : unsynced) apply(synced, change);
    unsynced.clear();
  }
};

namespace {

Disk* inserted = nullptr;

struct OpenFile {
  sqlite3_file base;
  std::shared_ptr<Disk::File>* file;
};

Disk::File& of(sqlite3_file* f) {
  return **reinterpret_cast<OpenFile*>(f)->file;
}

}  // namespace

// SQLite's interface to a file system (https://www.sqlite.org/vfs.html): one process, one connection, so locks have
// nothing to do.
struct Vfs {
  static int close(sqlite3_file* f) {
    delete reinterpret_cast<OpenFile*>(f)->file;
    return SQLITE_OK;
  }
  static int read(sqlite3_file* f, void* into, int amount, sqlite3_int64 at) {
    const auto& content = of(f).content;
    const auto from = std::min(static_cast<std::size_t>(at), content.size());
    const auto n = std::min(static_cast<std::size_t>(amount), content.size() - from);
    std::copy_n(content.begin() + static_cast<std::ptrdiff_t>(from), n, static_cast<std::uint8_t*>(into));
    if (n == static_cast<std::size_t>(amount)) return SQLITE_OK;
    std::memset(static_cast<std::uint8_t*>(into) + n, 0, static_cast<std::size_t>(amount) - n);
    return SQLITE_IOERR_SHORT_READ;
  }
  static int write(sqlite3_file* f, const void* from, int amount, sqlite3_int64 at) {
    int code = SQLITE_IOERR_WRITE;
    if (!inserted->allowed(code)) return code;
    const auto* bytes = static_cast<const std::uint8_t*>(from);
    of(f).change({static_cast<std::size_t>(at), Bytes(bytes, bytes + amount), false});
    return SQLITE_OK;
  }
  static int truncate(sqlite3_file* f, sqlite3_int64 size) {
    int code = SQLITE_IOERR_TRUNCATE;
    if (!inserted->allowed(code)) return code;
    of(f).change({static_cast<std::size_t>(size), {}, true});
    return SQLITE_OK;
  }
  static int sync(sqlite3_file* f, int) {
    int code = SQLITE_IOERR_FSYNC;
    if (!inserted->allowed(code)) return code;
    of(f).sync();
    return SQLITE_OK;
  }
  static int file_size(sqlite3_file* f, sqlite3_int64* size) {
    *size = static_cast<sqlite3_int64>(of(f).content.size());
    return SQLITE_OK;
  }
  static int lock(sqlite3_file*, int) { return SQLITE_OK; }
  static int check_reserved_lock(sqlite3_file*, int* locked) {
    *locked = 0;
    return SQLITE_OK;
  }
  static int file_control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
  static int sector_size(sqlite3_file*) { return 4096; }
  static int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }
  static int shm_map(sqlite3_file* f, int region, int size, int extend, void volatile** at) {
    auto& memory = of(f).shared_memory;
    const auto index = static_cast<std::size_t>(region);
    *at = nullptr;
    if (memory.size() <= index) {
      if (!extend) return SQLITE_OK;
      memory.resize(index + 1);
    }
    if (!memory[index]) memory[index] = std::make_unique<std::uint64_t[]>(static_cast<std::size_t>(size) / 8);
    *at = memory[index].get();
    return SQLITE_OK;
  }
  static int shm_lock(sqlite3_file*, int, int, int) { return SQLITE_OK; }
  static void shm_barrier(sqlite3_file*) {}
  static int shm_unmap(sqlite3_file* f, int) {
    of(f).shared_memory.clear();
    return SQLITE_OK;
  }

  static int open(sqlite3_vfs*, const char* name, sqlite3_file* f, int flags, int* given) {
    static const sqlite3_io_methods methods{2, close, read, write, truncate, sync, file_size, lock, lock,
        check_reserved_lock, file_control, sector_size, characteristics, shm_map, shm_lock, shm_barrier, shm_unmap,
        nullptr, nullptr};
    auto* file = reinterpret_cast<OpenFile*>(f);
    file->base.pMethods = nullptr;
    if (name != nullptr && (flags & SQLITE_OPEN_CREATE) == 0 && !inserted->files_.contains(name))
      return SQLITE_CANTOPEN;
    file->file = new std::shared_ptr<Disk::File>(name ? inserted->open(name) : std::make_shared<Disk::File>());
    file->base.pMethods = &methods;
    if (given) *given = flags;
    return SQLITE_OK;
  }
  static int remove(sqlite3_vfs*, const char* name, int) {
    int code = SQLITE_IOERR_DELETE;
    if (!inserted->allowed(code)) return code;
    inserted->files_.erase(name);
    return SQLITE_OK;
  }
  static int access(sqlite3_vfs*, const char* name, int, int* there) {
    *there = inserted->files_.contains(name) ? 1 : 0;
    return SQLITE_OK;
  }
  static int full_path(sqlite3_vfs*, const char* name, int size, char* into) {
    sqlite3_snprintf(size, into, "%s", name);
    return SQLITE_OK;
  }

  static void register_once() {
    static sqlite3_vfs vfs = [] {
      sqlite3_vfs v = *sqlite3_vfs_find(nullptr);  // randomness, sleep and time as they are
      v.szOsFile = sizeof(OpenFile);
      v.zName = Disk::vfs_name;
      v.pNext = nullptr;
      v.xOpen = open;
      v.xDelete = remove;
      v.xAccess = access;
      v.xFullPathname = full_path;
      return v;
    }();
    static const int registered = sqlite3_vfs_register(&vfs, 0);
    (void)registered;
  }
};

Disk::Disk(unsigned seed) : dice_(seed) {
  Vfs::register_once();
  inserted = this;
}

Disk::~Disk() {
  if (inserted == this) inserted = nullptr;
}

void Disk::fail(std::size_t from, std::size_t count, Fault fault) {
  fail_from_ = from;
  fail_until_ = from + count;
  fault_ = fault;
}

bool Disk::allowed(int& code) {
  if (!has_power()) return false;
  const auto number = operations_++;
  if (number < fail_from_ || number >= fail_until_) return true;
  if (fault_ == Fault::full && code == SQLITE_IOERR_WRITE) code = SQLITE_FULL;
  return false;
}

std::shared_ptr<Disk::File> Disk::open(const std::string& name) {
  auto& file = files_[name];
  if (!file) file = std::make_shared<File>();
  return file;
}

void Disk::restart_process() {
  power_until_ = SIZE_MAX;
  for (auto& [name, file] : files_) file->shared_memory.clear();
}

void Disk::restart_machine() {
  restart_process();
  const auto temper = dice_() % 3;
  for (auto& [name, file] : files_) {
    for (auto& change : file->unsynced) {
      // All of it lost, all of it kept, or each its own way.
      const auto fate = temper == 2 ? dice_() % 3 : temper;
      if (fate == 0) continue;
      if (fate == 2 && !change.truncates) change.bytes.resize(std::min(change.bytes.size(), 512 * (dice_() % 9)));
      File::apply(file->synced, change);
    }
    file->unsynced.clear();
    file->content = file->synced;
  }
}

std::map<std::string, Bytes> Disk::contents() const {
  std::map<std::string, Bytes> all;
  for (const auto& [name, file] : files_) all[name] = file->content;
  return all;
}

void Disk::put(const std::string& name, const Bytes& content) {
  auto& file = *open(name);
  file.content = file.synced = content;
  file.unsynced.clear();
}

}  // namespace drydock::sim
