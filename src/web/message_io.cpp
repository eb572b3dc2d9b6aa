#include "web/message_io.hpp"

#include <algorithm>
#include <civetweb.h>
#include <ctime>
#include <vector>
#include <fmt/chrono.h>
#include <fmt/core.h>
#include <fstream>

namespace drydock::web {

const std::string_view security_headers =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; manifest-src "
    "'self'; worker-src 'self'; connect-src "
    "'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";

namespace {

const char* reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 421: return "Misdirected Request";
    case 426: return "Upgrade Required";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 529: return "Too Many Streams";
    default: return "Internal Server Error";
  }
}

void send_file(mg_connection* connection, const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string piece(64 * 1024, '\0');
  while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())) || file.gcount() > 0)
    if (mg_write(connection, piece.data(), static_cast<std::size_t>(file.gcount())) <= 0) return;
}

bool is_head(const mg_connection* connection) {
  return std::string_view(mg_get_request_info(connection)->request_method) == "HEAD";
}

}  // namespace

Request read_head(const mg_connection* connection) {
  const auto* info = mg_get_request_info(connection);
  Request request;
  request.method = info->request_method ? info->request_method : "";
  auto path = decode_path(info->local_uri ? info->local_uri : "");
  request.usable_path = path.has_value();
  request.path = std::move(path).value_or("");
  request.query = info->query_string ? info->query_string : "";
  request.peer = info->remote_addr;
  std::vector<std::string> lengths, encodings;
  for (int i = 0; i < info->num_headers; ++i) {
    std::string name = info->http_headers[i].name;
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    request.headers[name] = info->http_headers[i].value;
    if (name == "content-length") lengths.emplace_back(info->http_headers[i].value);
    if (name == "transfer-encoding") encodings.emplace_back(info->http_headers[i].value);
  }
  constexpr std::size_t digits_of_a_length = 15;
  const bool clear =
      lengths.size() + encodings.size() <= 1 && std::all_of(lengths.begin(), lengths.end(), [&](const auto& length) {
        return !length.empty() && length.size() <= digits_of_a_length &&
            length.find_first_not_of("0123456789") == std::string::npos;
      });
  request.usable_framing = clear;
  return request;
}

void send(mg_connection* connection, const Response& response, bool keep_alive) {
  std::error_code no_file;
  const auto size = response.file ? std::filesystem::file_size(response.file->path(), no_file) : response.body.size();
  if (no_file) return send(connection, problem(500, "It did not work", "the file cannot be read"), false);
  auto head = fmt::format("HTTP/1.1 {} {}\r\nDate: {:%a, %d %b %Y %H:%M:%S} GMT\r\n{}Connection: {}\r\n",
      response.status, reason(response.status), fmt::gmtime(std::time(nullptr)), security_headers,
      keep_alive ? "keep-alive" : "close");
  if (response.status != 204) head += fmt::format("Content-Length: {}\r\n", size);
  if (!response.type.empty()) head += "Content-Type: " + response.type + "\r\n";
  bool cached = false;
  for (const auto& [name, value] : response.headers) {
    head += name + ": " + value + "\r\n";
    cached |= name == "Cache-Control";
  }
  if (!cached) head += "Cache-Control: no-store\r\n";
  head += "\r\n";
  constexpr std::size_t one_segment = 1'400;
  const bool together = head.size() + response.body.size() < one_segment;
  if (together && !is_head(connection)) head += response.body;
  // What has come behind this request is not looked at any more.
  if (!keep_alive) mg_disable_connection_keep_alive(connection);
  mg_write(connection, head.data(), head.size());
  if (!together && !is_head(connection)) mg_write(connection, response.body.data(), response.body.size());
  if (response.file && !is_head(connection)) send_file(connection, response.file->path());
}

}  // namespace drydock::web
