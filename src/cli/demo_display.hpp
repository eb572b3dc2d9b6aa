// Shows the demo's devices: a block redrawn in place on a terminal, a line for each change elsewhere.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace drydock::cli {

struct DemoRow {
  std::string name;
  std::string id;
  std::string state;
  std::string words;
  std::string sending;  ///< module under way; empty: none
  std::size_t bytes = 0;
  std::size_t total = 0;
  std::vector<std::string> plan;  ///< what is still to be sent, in order
  bool connected = false;
  bool safe_mode = false;
};

class DemoDisplay {
public:
  explicit DemoDisplay(const std::string& title);
  void show(const std::vector<DemoRow>& rows);
  void finish(const std::string& words);

private:
  void redraw(const std::vector<DemoRow>& rows);
  void tell(const std::vector<DemoRow>& rows);
  bool terminal_;
  std::size_t lines_ = 0;
  std::map<std::string, std::string> told_;
  std::map<std::string, std::vector<std::string>> told_plan_;
};

}  // namespace drydock::cli
