// CivetWeb around the API: the page's files, the event streams, and everything a browser may throw at a server.
#pragma once

#include "web/api.hpp"
#include "web/body.hpp"
#include "web/cloud_api.hpp"
#include "web/connection_limiter.hpp"
#include "web/event_streams.hpp"
#include "base/clock.hpp"
#include "web/page_frontend.hpp"

#include <atomic>
#include <filesystem>
#include <memory>
#include <thread>

struct mg_connection;
struct mg_context;

namespace drydock::web {

/// CivetWeb's, as it runs.
const char* library_version();

struct ServerOptions {
  std::string address;
  std::uint16_t port = 0;                             ///< 0: any free one, see port()
  std::uint16_t api_port = 0;                         ///< one more, where Particle's API is and nothing else; 0: none
  std::shared_ptr<const crypto::TlsServer> tls = {};  ///< nothing: without
  PageFrontend::Plain plain = PageFrontend::Plain::redirected;  ///< who comes without TLS, where there is some
  std::filesystem::path upload_folder;                          ///< where uploads lie while they are looked into
  std::vector<std::string> hosts;                               ///< names under which it is reached, see is_own_host()
  std::vector<std::string> trusted_proxies;                     ///< addresses, see client_address()
};

class Server {
public:
  /// Listens at once. Throws std::runtime_error with a message for the person who started it.
  Server(const ServerOptions& options, Api& api, CloudApi& cloud, service::LoopBridge& bridge, EventStreams& streams,
      WebLoop& loop);
  /// Takes up to two seconds. The bridge must have been closed.
  ~Server();

  std::uint16_t port() const { return port_; }

private:
  /// CivetWeb, on loopback behind the frontends. On the loop.
  bool start();
  /// One of CivetWeb's ports, which is started when somebody comes; 0: it does not start.
  std::uint16_t port_of(const std::atomic<std::uint16_t>& port);
  /// Ends it when nobody has come for a while.
  void rest_when_left();
  static int on_connection(const mg_connection* connection, void** data);
  static void on_close(const mg_connection* connection);
  static int on_request(mg_connection* connection);
  bool is_api_alone(const mg_connection* connection) const;
  enum class Body { read, left };  ///< left: some of it is still to come, and nobody wants it
  Body answer(mg_connection* connection);
  Body answer_cloud(mg_connection* connection, Request request);
  void stream(mg_connection* connection, const Request& request);
  void send_device_os_file(mg_connection* connection, const Request& request);
  Body stream_cloud_events(mg_connection* connection, const Request& request, EventFilter filter);
  /// As discard_body(), in a moment.
  bool discard(mg_connection* connection);
  enum class Ends { reading, both };
  Deadline end_after(const mg_connection* connection, std::chrono::milliseconds time, Ends ends);
  /// The answer to a body that will not do.
  std::optional<Response> read(mg_connection* connection, std::size_t limit,
      const std::function<Result<void>(ByteView)>& take, Chunked chunked = Chunked::refused);

  ServerOptions options_;
  std::shared_ptr<Visitors> visitors_ = std::make_shared<Visitors>();
  ConnectionLimiter connections_;
  Api& api_;
  CloudApi& cloud_;
  service::LoopBridge& bridge_;
  EventStreams& event_streams_;
  WebLoop& loop_;
  mg_context* context_ = nullptr;  ///< nothing while nobody is there
  asio::steady_timer rest_;
  std::thread resting_;  ///< in which CivetWeb ends
  Clock::time_point visited_{};
  std::vector<std::unique_ptr<PageFrontend>> frontends_;
  std::uint16_t port_ = 0;                   ///< of the page, as visitors know it
  std::atomic<std::uint16_t> page_port_{0};  ///< CivetWeb's, on loopback
  std::atomic<std::uint16_t> api_port_{0};
  std::atomic<int> streams_{0};
  std::atomic<int> files_for_strangers_{0};
};

}  // namespace drydock::web
