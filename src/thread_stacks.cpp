// CivetWeb, as Debian builds it, gives each of its threads a stack of 100 kB and offers no setting for it. Half of that
// goes to thread-local storage of wolfSSL, so that some 15 kB were left where a password is hashed: too little to be
// sure of on every processor. The definition here is the one that the library finds first.
#include <algorithm>
#include <cstddef>
#include <dlfcn.h>
#include <pthread.h>

extern "C" int pthread_attr_setstacksize(pthread_attr_t* attributes, std::size_t size) noexcept {
  // Address space, not memory: what is not touched costs nothing.
  constexpr std::size_t smallest = 256 * 1024;
  using SetStackSize = int (*)(pthread_attr_t*, std::size_t);
  static const auto of_the_system = reinterpret_cast<SetStackSize>(::dlsym(RTLD_NEXT, "pthread_attr_setstacksize"));
  return of_the_system(attributes, std::max(size, smallest));
}
