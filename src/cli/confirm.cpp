#include "cli/confirm.hpp"

#include "base/text.hpp"

#include <fmt/core.h>
#include <iostream>
#include <unistd.h>

namespace drydock::cli {

Result<void> confirmed(const std::string& question, bool yes) {
  if (yes) return {};
  if (::isatty(STDIN_FILENO) == 0)
    return failure(ErrorKind::refused, "this cannot be taken back: say --yes where nobody can be asked");
  fmt::print("{} [y/N] ", question);
  std::fflush(stdout);
  std::string answer;
  std::getline(std::cin, answer);
  answer = lower_ascii(answer);
  if (answer == "y" || answer == "yes") return {};
  return failure(ErrorKind::refused, "nothing was changed");
}

}  // namespace drydock::cli
