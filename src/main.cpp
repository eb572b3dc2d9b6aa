#include "cli/command_line.hpp"

int main(int argc, char** argv) {
  return drydock::cli::run(argc, argv);
}
