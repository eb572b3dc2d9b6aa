#include "web/server.hpp"

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "web/assets.hpp"
#include "web/body.hpp"
#include "web/counted_place.hpp"
#include "web/message_io.hpp"

#include <algorithm>
#include <charconv>
#include <civetweb.h>
#include <fmt/core.h>
#include <map>
#include <stdexcept>

namespace drydock::web {

const char* library_version() {
  return mg_version();
}

namespace {

using namespace std::chrono_literals;

constexpr auto heartbeat = 15s;
constexpr auto settling = 3s;
constexpr auto look_for_end = 1s;

const char* why_unusable(int status) {
  switch (status) {
    case 408: return "the body takes too long";
    case 411: return "chunked bodies are taken with a token only";
    case 413: return "the body is too large";
    default: return "the body was cut off";
  }
}

Response page_file(const Request& request) {
  if (request.method != "GET" && request.method != "HEAD") return problem(405, "Wrong method");
  auto name = request.path.substr(1);
  if (name.empty()) name = "index.html";
  const auto file = asset(name);
  if (!file || name.starts_with("openapi")) return problem(404, "Not found");
  Response response{200, media_type(name), std::string(file->content)};
  response.headers.emplace_back("Cache-Control", "no-cache");
  return response;
}

std::string event(const char* name, std::uint64_t revision, const std::string& data) {
  return fmt::format("event: {}\nid: {}\ndata: {}\n\n", name, revision, data);
}

// "a,b,c", as many as one page shows.
std::vector<std::string> followed_devices(const Request& request) {
  std::vector<std::string> ids;
  const auto given = request.parameter("devices");
  std::string_view list = given;
  while (!list.empty() && ids.size() < limits::devices_followed) {
    const auto end = std::min(list.find(','), list.size());
    ids.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return ids;
}

std::string why_not_listening(const ServerOptions& options) {
  return fmt::format(
      "cannot listen on {} port {}{} for the page: it is taken, or may not be used. Choose another with "
      "--web-port or web.port{}, or turn the page off with --no-web",
      options.address, options.port, options.api_port == 0 ? "" : fmt::format(" and port {}", options.api_port),
      options.api_port == 0 ? "" : " and web.api_port");
}

}  // namespace

Server::Server(const ServerOptions& options, Api& api, CloudApi& cloud, service::LoopBridge& bridge,
    EventStreams& streams, WebLoop& loop)
    : options_(options),
      connections_({limits::page_connections_per_address, limits::page_connections_per_unknown_address,
                       limits::page_connections_of_unknown},
          options.trusted_proxies,
          [visitors = visitors_](const ConnectionLimiter::Peer& peer) { return visitors->behind(peer).address; }),
      api_(api),
      cloud_(cloud),
      bridge_(bridge),
      event_streams_(streams),
      loop_(loop),
      rest_(loop.context()) {
  const auto known = [this](const std::string& address) { return connections_.is_known(address); };
  try {
    for (const auto port : {options.port, options.api_port}) {
      if (port == 0 && !frontends_.empty()) continue;
      const asio::ip::tcp::endpoint at(asio::ip::make_address(options.address), port);
      frontends_.push_back(std::make_unique<PageFrontend>(loop.context(), at, visitors_,
          PageFrontend::Options{options.tls, options.plain, options.hosts, known, options.trusted_proxies}));
    }
  } catch (const std::system_error&) {
    throw std::runtime_error(why_not_listening(options));
  }
  port_ = frontends_.front()->port();
  frontends_.front()->start([this] { return port_of(page_port_); });
  if (frontends_.size() > 1) frontends_.back()->start([this] { return port_of(api_port_); });
}

// CivetWeb's threads hold their stacks for as long as it runs.
std::uint16_t Server::port_of(const std::atomic<std::uint16_t>& port) {
  if (context_ == nullptr && !start()) return 0;
  visited_ = Clock::now();
  return port;
}

void Server::rest_when_left() {
  rest_.expires_after(limits::page_threads_rest);
  rest_.async_wait([this](asio::error_code stopped) {
    if (stopped || context_ == nullptr) return;
    const bool left = std::all_of(
        frontends_.begin(), frontends_.end(), [](const auto& frontend) { return frontend->connections() == 0; });
    if (!left || Clock::now() - visited_ < limits::page_threads_rest) return rest_when_left();
    if (resting_.joinable()) resting_.join();
    resting_ = std::thread(mg_stop, std::exchange(context_, nullptr));
  });
}

bool Server::start() {
  const std::string ports = frontends_.size() > 1 ? "127.0.0.1:0,127.0.0.1:0" : "127.0.0.1:0";
  const auto threads = std::to_string(limits::page_threads);
  // The defaults list folders, run CGI and let every page of the world read the answers.
  const std::vector<const char*> settings{"listening_ports", ports.c_str(), "num_threads", threads.c_str(),
      "request_timeout_ms", "5000", "keep_alive_timeout_ms", "5000", "enable_keep_alive", "yes", "max_request_size",
      "16384", "enable_directory_listing", "no", "cgi_pattern", "", "access_control_allow_origin", "",
      "enable_auth_domain_check", "no", "decode_url", "no", "tcp_nodelay", "1", nullptr};
  mg_callbacks callbacks{};
  callbacks.begin_request = on_request;
  callbacks.init_connection = on_connection;
  callbacks.connection_close = on_close;
  callbacks.log_message = [](const mg_connection*, const char* message) {
    log::debug("the page's server: {}", message);
    return 1;
  };
  context_ = mg_start(&callbacks, this, const_cast<const char**>(settings.data()));
  if (context_ == nullptr) {
    log::error("the page's server does not start: too little memory, or no free port on 127.0.0.1");
    return false;
  }
  mg_server_port opened[4]{};
  const auto count = mg_get_server_ports(context_, 4, opened);
  if (count > 0) page_port_ = static_cast<std::uint16_t>(opened[0].port);
  if (count > 1) api_port_ = static_cast<std::uint16_t>(opened[1].port);
  rest_when_left();
  return true;
}

Server::~Server() {
  if (resting_.joinable()) resting_.join();
  if (context_) mg_stop(context_);
}

namespace {

std::uint16_t local_port(const mg_request_info& info) {
  return static_cast<std::uint16_t>(info.server_port);
}

ConnectionLimiter::Peer peer_of(const mg_connection* connection) {
  const auto* info = mg_get_request_info(connection);
  return {info->remote_addr, info->remote_port};
}

}  // namespace

int Server::on_connection(const mg_connection* connection, void**) {
  auto& server = *static_cast<Server*>(mg_get_user_data(mg_get_context(connection)));
  server.connections_.opened({server.page_port_, server.api_port_});
  return 0;
}

void Server::on_close(const mg_connection* connection) {
  static_cast<Server*>(mg_get_user_data(mg_get_context(connection)))->connections_.closed();
}

int Server::on_request(mg_connection* connection) {
  const auto* info = mg_get_request_info(connection);
  auto& server = *static_cast<Server*>(info->user_data);
  try {
    const auto peer = peer_of(connection);
    const ConnectionLimiter::Busy busy(server.connections_, peer);
    if (server.answer(connection) == Body::left) ConnectionLimiter::stop_reading(peer, local_port(*info));
  } catch (const std::exception& e) {
    log::error("the page's server: {}", e.what());
  }
  return 1;
}

// CivetWeb waits for each byte as long as for the first one, and as long for each one to be taken: whoever sends or
// reads one at a time would have the thread.
Deadline Server::end_after(const mg_connection* connection, std::chrono::milliseconds time, Ends ends) {
  const auto* info = mg_get_request_info(connection);
  return Deadline(loop_, time, [ends, peer = peer_of(connection), port = local_port(*info)] {
    ends == Ends::reading ? ConnectionLimiter::stop_reading(peer, port) : ConnectionLimiter::end(peer, port);
  });
}

bool Server::is_api_alone(const mg_connection* connection) const {
  return api_port_ != 0 && local_port(*mg_get_request_info(connection)) == api_port_;
}

bool Server::discard(mg_connection* connection) {
  const auto deadline = end_after(connection, limits::unwanted_body_time, Ends::reading);
  const ConnectionLimiter::Busy waiting(connections_, peer_of(connection), false);
  return discard_body(connection);
}

std::optional<Response> Server::read(
    mg_connection* connection, std::size_t limit, const std::function<Result<void>(ByteView)>& take, Chunked chunked) {
  const auto deadline = end_after(connection, time_for_body(*connection, limit), Ends::reading);
  const ConnectionLimiter::Busy waiting(connections_, peer_of(connection), false);
  return read_body(connection, limit, take, chunked);
}

Server::Body Server::answer(mg_connection* connection) {
  auto request = read_head(connection);
  const auto visitor = visitors_->behind(peer_of(connection));
  const auto& from = visitor.address;
  request.peer = from;
  request.secure_cookies = options_.tls && options_.plain == PageFrontend::Plain::redirected;
  request.peer = client_address(request, options_.trusted_proxies);
  const auto* info = mg_get_request_info(connection);
  const bool announced = info->content_length > 0 || !request.header("transfer-encoding").empty();
  const auto left = announced ? Body::left : Body::read;
  const auto refuse = [&](const Response& response) {
    const bool heard = discard(connection);
    send(connection, response, false);
    return heard ? Body::read : left;
  };
  if (from.empty()) return refuse(problem(421, "Another server", "the page is reached by its own port only"));
  if (!request.usable_framing) {
    send(connection, problem(400, "This cannot be used", "where its body ends is said in two ways, or in none"), false);
    return Body::left;
  }
  // A proxy that was believed once may pass on others by the same connection.
  if (request.secure_cookies && !visitor.encrypted && request.header("x-forwarded-proto") != "https")
    return refuse(problem(426, "Upgrade required", "this page is reached over TLS only"));
  if (!request.usable_path)
    return refuse(
        problem(400, "This path cannot be used", "names in it have no '/', '\\', '..' or NUL, encoded or not"));
  if (!is_own_host(request.header("host"), options_.hosts))
    return refuse(problem(421, "Another server",
        fmt::format("this page is not reached by the name '{}': open it by its address, or add the name to web.hosts",
            log::printable(shorten(request.header("host"), limits::text)))));
  if (CloudApi::answers(request)) return answer_cloud(connection, std::move(request));
  if (is_api_alone(connection))
    return refuse(
        cloud_error(404, fmt::format("Particle's API alone is at this port: the page is at port {}", port())));
  if (request.path == "/metrics")
    return send(connection, api_.metrics(request, event_streams_.open()), !announced), left;
  if (!request.path.starts_with("/api/")) return send(connection, page_file(request), !announced), left;
  // Decided before a byte of the body is read, or kept.
  if (const auto refused = api_.refuse(request)) return refuse(*refused);
  if (!api_.is_guest(request)) connections_.mark_known(from);
  if (request.method == "GET" && request.path == "/api/v1/events") return stream(connection, request), left;
  if (request.method == "GET" || request.method == "HEAD")
    return send(connection, api_.handle(request), !announced), left;

  std::optional<UploadFile> upload;
  if (Api::is_upload(request)) {
    auto created = UploadFile::create(options_.upload_folder);
    if (!created) return refuse(problem(created.error()));
    upload.emplace(std::move(*created));
    request.upload = upload->path();
  }
  const auto take = [&](ByteView piece) -> Result<void> {
    if (upload) return upload->write(piece);
    request.body.append(text_of(piece));
    return {};
  };
  if (const auto unusable = read(connection, upload ? Api::longest_file(request) : limits::page_body, take))
    return send(connection, *unusable, false), left;
  const auto response = api_.handle(request);
  if (response.status == 204 && (request.path == "/api/v1/login" || request.path == "/api/v1/setup"))
    connections_.mark_known(from);
  send(connection, response, response.file == nullptr);
  return response.file ? Body::left : Body::read;
}

Server::Body Server::answer_cloud(mg_connection* connection, Request request) {
  const auto* info = mg_get_request_info(connection);
  const bool announced = info->content_length > 0 || !request.header("transfer-encoding").empty();
  const auto left = announced ? Body::left : Body::read;
  if (const auto refused = cloud_.refuse(request)) {
    const bool heard = discard(connection);
    send(connection, *refused, false);
    return heard ? Body::read : left;
  }
  const bool known = cloud_.is_known(request);
  if (known) connections_.mark_known(visitors_->behind(peer_of(connection)).address);
  if (const auto filter = CloudApi::stream_filter(request)) return stream_cloud_events(connection, request, *filter);
  const auto take = [&](ByteView piece) -> Result<void> {
    request.body.append(text_of(piece));
    return {};
  };
  const auto chunked = known ? Chunked::allowed : Chunked::refused;
  if (const auto unusable = read(connection, CloudApi::longest_body(request, known), take, chunked))
    return send(connection, cloud_error(unusable->status, why_unusable(unusable->status)), false), left;
  const bool logs_in = request.path == "/oauth/token";
  if (CloudApi::is_device_os_file(request)) return send_device_os_file(connection, request), left;
  const auto response = cloud_.handle(std::move(request));
  if (logs_in && response.status == 200) connections_.mark_known(visitors_->behind(peer_of(connection)).address);
  send(connection, response, true);
  return Body::read;
}

// Anybody may fetch them, but not all memory and threads by it.
void Server::send_device_os_file(mg_connection* connection, const Request& request) {
  const CountedPlace place(files_for_strangers_);
  if (place.number() > limits::files_for_strangers)
    return send(connection, cloud_error(503, "too many files are fetched at the same time: try again"), false);
  const auto response = cloud_.handle(request);
  const auto time = limits::page_body_time + std::chrono::seconds(response.body.size() / limits::min_upload_rate);
  const auto deadline = end_after(connection, time, Ends::both);
  send(connection, response, false);
}

// CivetWeb has a thread for each connection: it is left with another one, that has ended.
Server::Body Server::stream_cloud_events(mg_connection* connection, const Request& request, EventFilter filter) {
  const auto refuse = [&](const Response& response) { return send(connection, response, false), Body::left; };
  auto may_listen = cloud_.may_listen(request);
  if (!may_listen()) return refuse(cloud_error(403, lacking_words(Scope::read)));
  if (const auto unknown = cloud_.resolve(filter)) return refuse(*unknown);
  if (event_streams_.open() >= limits::cloud_streams)
    return refuse(cloud_error(529, "too many event streams are open: close one"));
  const auto* info = mg_get_request_info(connection);
  const auto peer = peer_of(connection);
  EventStreams::Listener listener;
  listener.socket = Descriptor(connections_.take_over(peer, local_port(*info)));
  if (listener.socket.get() < 0) return refuse(cloud_error(500, "no event stream can be opened"));
  listener.greeting = fmt::format(
      "HTTP/1.1 200 OK\r\n{}Content-Type: text/event-stream\r\nCache-Control: no-cache\r\nX-Accel-Buffering: "
      "no\r\nConnection: close\r\n\r\n:ok\n\n",
      security_headers);
  listener.filter = std::move(filter);
  listener.may_listen = std::move(may_listen);
  listener.on_end = [this, peer] { connections_.forget(peer); };
  event_streams_.serve(std::move(listener));
  return Body::read;
}

// One thread for each open page; they are few, and counted.
void Server::stream(mg_connection* connection, const Request& request) {
  const auto may_look = [&] {
    const auto who = api_.identity(request);
    return who && who->scopes.has(Scope::read);
  };
  if (!may_look()) return send(connection, problem(401, "Log in first"), true);
  const CountedPlace place(streams_);
  const bool guest = api_.is_guest(request);
  if (place.number() > (guest ? limits::page_streams_of_guests : limits::page_streams))
    return send(connection,
        problem(503, "Too many open pages", fmt::format("{} pages are open already: close one", limits::page_streams)),
        false);

  const auto head = fmt::format(
      "HTTP/1.1 200 OK\r\n{}Content-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: "
      "close\r\n\r\nretry: 2000\n\n",
      security_headers);
  bool open = mg_write(connection, head.data(), head.size()) > 0;
  const auto devices = followed_devices(request);
  const auto is_there = [&] { return !visitors_->behind(peer_of(connection)).address.empty(); };
  std::uint64_t seen = 0;
  std::uint64_t seen_elsewhere = 0;
  std::map<std::string, std::string> shown_elsewhere;
  std::string last_summary;
  for (auto now = bridge_.snapshot(); open && now;) {
    std::string text;
    if (const auto changed = api_.view().changed(devices, seen); !changed.empty())
      text += event("devices", now->revision, changed);
    if (std::exchange(seen_elsewhere, now->others_revision) != now->others_revision)
      if (const auto changed = api_.view().changed_elsewhere(devices, shown_elsewhere); !changed.empty())
        text += event("devices", now->revision, changed);
    // What is counted lags behind what happened by up to a few seconds: it is looked at once more after a change.
    const auto summary = api_.view().summary(*now);
    const bool news = summary != last_summary;
    if (news) text += event("fleet", now->revision, summary);
    last_summary = summary;
    if (text.empty()) text = ": still here\n\n";
    open = mg_write(connection, text.data(), text.size()) > 0;
    seen = now->revision;
    const auto until = Clock::now() + (news ? settling : heartbeat);
    do {
      now = bridge_.wait_newer(seen, look_for_end);
    } while (now && now->revision == seen && Clock::now() < until && is_there());
    if (!may_look() || !is_there()) break;
  }
}

}  // namespace drydock::web
