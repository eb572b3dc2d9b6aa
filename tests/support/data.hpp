// Vectors and recordings of tests/data.
#pragma once

#include "base/bytes.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace drydock::testing {

std::string data_folder();

inline std::ifstream open_data(const std::string& name) {
  std::ifstream in(data_folder() + "/" + name);
  if (!in) throw std::runtime_error("no test data " + name);
  return in;
}

inline nlohmann::json load_json(const std::string& name) {
  auto in = open_data(name);
  return nlohmann::json::parse(in);
}

/// A list inside a file, by value: what a range-for may go over.
inline nlohmann::json load_list(const std::string& name, const std::string& key) {
  return load_json(name).at(key);
}

/// One JSON value a line.
inline std::vector<nlohmann::json> load_json_lines(const std::string& name) {
  auto in = open_data(name);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

inline Bytes hex(const std::string& text) {
  auto bytes = from_hex(text);
  if (!bytes) throw std::runtime_error("not hexadecimal: " + text);
  return *bytes;
}
inline Bytes hex(const char* text) {
  return hex(std::string(text));
}
inline Bytes hex(const nlohmann::json& text) {
  return hex(text.get<std::string>());
}

inline std::string text_in(const nlohmann::json& value) {
  return value.get<std::string>();
}

}  // namespace drydock::testing
