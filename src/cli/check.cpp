#include "service/check.hpp"
#include "base/log.hpp"
#include "cli/commands.hpp"
#include "cli/open_store.hpp"

#include <fmt/core.h>

namespace drydock::cli {
namespace {

void say(const service::CheckLine& line) {
  const char* verdict = line.verdict == service::Verdict::good ? "ok"
      : line.verdict == service::Verdict::problem              ? "PROBLEM"
                                                               : "later";
  fmt::print("{:8} {:14} {}\n", verdict, line.what, log::printable(line.words));
}

}  // namespace

int check(const Context& context) {
  const auto folder = folder_of(context);
  say({service::Verdict::good, "configuration",
      context.configuration_file.empty() ? "the defaults, there is no file" : context.configuration_file.string()});
  require_access(folder);
  int problems = 0;
  for (const auto& line : service::check(folder, context.configuration)) {
    say(line);
    problems += line.verdict == service::Verdict::problem;
  }
  if (problems != 0) fmt::print("\n{} problem{}.\n", problems, problems == 1 ? "" : "s");
  return problems == 0 ? 0 : 1;
}

}  // namespace drydock::cli
