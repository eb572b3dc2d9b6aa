// A library that is loaded when it is needed and not before: it would cost everybody memory, for what few use.
#pragma once

#include <dlfcn.h>
#include <initializer_list>

namespace drydock {

/// Stays loaded for as long as the program runs.
class SharedLibrary {
public:
  /// The first of these that is there.
  explicit SharedLibrary(std::initializer_list<const char*> names) {
    for (const auto* name : names)
      if (handle_ == nullptr) handle_ = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    complete_ = handle_ != nullptr;
  }

  template <class Function>
  SharedLibrary& find(Function& function, const char* name) {
    function = handle_ == nullptr ? nullptr : reinterpret_cast<Function>(::dlsym(handle_, name));
    complete_ &= function != nullptr;
    return *this;
  }

  /// Whether it is there, with all that was looked for.
  bool complete() const { return complete_; }

private:
  void* handle_ = nullptr;
  bool complete_ = false;
};

}  // namespace drydock
