// Expected failures as values. Exceptions are left for programmer errors and start-up.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace drydock {

// Failures on the paths of devices and requests are returned, never thrown. Whoever receives one handles it or returns
// it: a device's session ends with it (session.cpp), a request is answered with it (web/http.cpp maps kinds to
// statuses), a command prints it. Exceptions are for start-up and for programmer errors; a session that throws all the
// same ends alone, with a line in the log.

/// What kind of failure it is decides what the program does next; the message is for people.
enum class ErrorKind {
  malformed,          ///< bytes that do not follow the protocol or file format
  too_large,          ///< beyond a limit of base/limits.hpp or of the device
  closed,             ///< the other side ended the connection
  timed_out,          ///< nothing came in time
  session_restarted,  ///< the device started anew; the connection is sound, and nothing said before it counts
  interrupted,        ///< somebody here asked the waiting coroutine to look up
  refused,            ///< understood, and not allowed
  rate_limited,       ///< tried too often: later
  unusable_describe,  ///< a device describes itself in a way nothing can be planned from; the connection is sound
  not_found,
  conflict,  ///< contradicts what is stored
  storage,   ///< file system or database
  internal,
};

struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> failure(ErrorKind kind, std::string message) {
  return tl::unexpected<Error>(Error{kind, std::move(message)});
}

}  // namespace drydock
