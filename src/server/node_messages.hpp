// What machines that share a database say to each other, as text: it goes through the database's notifications.
#pragma once

#include "server/device_request.hpp"
#include "server/events.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace drydock::server {

/// What one asks of a device that the other has; `id` is the asking one's.
struct NodeQuestion {
  std::int64_t id = 0;
  DeviceRequest request;
};
struct NodeAnswer {
  std::int64_t id = 0;
  Result<device::VariableValue> result;
};

struct NodeMessage {
  std::int64_t from = 0;
  std::int64_t to = 0;  ///< 0: all others
  std::variant<NodeQuestion, NodeAnswer, std::vector<PublishedEvent>> content;
};

/// A notification of PostgreSQL has fewer than 8,000 bytes.
inline constexpr std::size_t longest_node_message = 7'500;

std::string encode(const NodeMessage& message);
/// ErrorKind::malformed: of another version, say.
Result<NodeMessage> decode_node_message(std::string_view text);

}  // namespace drydock::server
