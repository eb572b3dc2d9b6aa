// The command line: words into calls. CLI11 is seen here only.
#pragma once

namespace drydock::cli {

/// Exit status: 0 done, 1 it could not be done (standard error says why), 2 the command was not understood.
int run(int argc, char** argv);

}  // namespace drydock::cli
