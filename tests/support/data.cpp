#include "support/data.hpp"

namespace drydock::testing {

std::string data_folder() {
  return TEST_DATA;
}

}  // namespace drydock::testing
