#include "cli/identity.hpp"

#include "firmware/files.hpp"

#include <grp.h>
#include <stdexcept>
#include <sys/stat.h>
#include <unistd.h>

namespace drydock::cli {
namespace {

uid_t user = 0;
gid_t group = 0;

void become(uid_t uid, gid_t gid) {
  // As root first: only root may choose.
  if (::seteuid(0) != 0 || ::setegid(gid) != 0 || ::seteuid(uid) != 0)
    throw std::runtime_error("the user could not be changed to the owner of the state folder");
}

}  // namespace

void act_as_owner_of(const std::filesystem::path& state_folder) {
  struct stat found {};
  if (::geteuid() != 0 || ::stat(state_folder.c_str(), &found) != 0 || found.st_uid == 0) return;
  user = found.st_uid;
  group = found.st_gid;
  become(user, group);
}

void give_up_root() {
  if (user == 0) return;
  become(0, 0);
  if (::setgroups(0, nullptr) != 0 || ::setresgid(group, group, group) != 0 || ::setresuid(user, user, user) != 0)
    throw std::runtime_error("root's rights could not be given up");
  user = 0;
}

Result<Bytes> read_named(const std::filesystem::path& file, std::size_t limit) {
  const AsCaller caller;
  return firmware::read_file(file, limit);
}

AsCaller::AsCaller() {
  if (user != 0) become(0, 0);
}
AsCaller::~AsCaller() {
  if (user != 0) become(user, group);
}

AsOwner::AsOwner() {
  if (user != 0) become(user, group);
}
AsOwner::~AsOwner() {
  if (user != 0) become(0, 0);
}

}  // namespace drydock::cli
