// How much the server adds to a fast transfer: one module of 248,732 bytes through the whole server, and the same
// frames from a bare sender that has encrypted them beforehand and only writes them, to the same virtual device on a
// thread of its own. The device's clock measures both, from UpdateBegin to its answer to UpdateDone. Prints medians and
// ratio.
#include "service/service.hpp"
#include "server/firmware_import.hpp"
#include "base/asio_tokens.hpp"
#include "coap/message.hpp"
#include "device/messages.hpp"
#include "base/temporary_folder.hpp"
#include "transfer/chunked_messages.hpp"
#include "transport/lightssl/frames.hpp"
#include "transport/lightssl/handshake.hpp"
#include "transport/tcp_stream.hpp"
#include "virtual_device/module_builder.hpp"
#include "virtual_device/virtual_device.hpp"

#include <algorithm>
#include <asio.hpp>
#include <atomic>
#include <cstdlib>
#include <fmt/core.h>
#include <thread>

using namespace drydock;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t module_size = 248'732;

Bytes part(std::uint16_t version, std::size_t size) {
  virtual_device::ModuleSpec recipe;
  recipe.version = version;
  recipe.size = size;
  return virtual_device::make_module(recipe);
}
Bytes application() {
  virtual_device::ModuleSpec recipe;
  recipe.function = 5;
  recipe.needs1 = {4, 1, 3};
  return virtual_device::make_module(recipe);
}

// A virtual device on its own thread until its first update is done; the time that took.
double run_device(int number, const Bytes& server_key, std::uint16_t port) {
  virtual_device::Options options;
  options.id[10] = static_cast<std::uint8_t>(number >> 8);
  options.id[11] = static_cast<std::uint8_t>(number);
  options.server_key = server_key;
  options.reset_time = options.reconnect_time = 0s;
  virtual_device::Flash flash(6);
  flash.put(part(1, 4096));
  flash.put(application());
  virtual_device::VirtualDevice device(options, virtual_device::DeviceKey(), std::move(flash));
  asio::io_context loop(1);
  virtual_device::Connect connect = [&]() -> asio::awaitable<std::shared_ptr<transport::ByteStream>> {
    if (device.images_received > 0) {
      device.stop();
      co_return nullptr;
    }
    asio::ip::tcp::socket socket(loop);
    const asio::ip::tcp::endpoint server(asio::ip::address_v4::loopback(), port);
    auto connected = co_await socket.async_connect(server, as_result);
    if (std::get<0>(connected)) co_return nullptr;
    co_return std::make_shared<transport::TcpStream>(std::move(socket));
  };
  asio::co_spawn(loop, device.run(connect), [](std::exception_ptr e) {
    if (e) std::rethrow_exception(e);
  });
  loop.run();
  return std::chrono::duration<double, std::milli>(device.last_update_time).count();
}

class ThroughTheAppliance {
public:
  explicit ThroughTheAppliance(const Bytes& module) {
    state::Configuration configuration;
    configuration.state_folder = folder_.path();
    configuration.address = "127.0.0.1";
    configuration.tcp_port = configuration.udp_port = 0;
    configuration.policy = state::Policy::open;
    const state::StateFolder state{folder_.path()};
    (void)state.create();
    {
      (void)state::load_or_create_server_keys(state);
      auto db = store::Database::open(state.database(), store::Access::read_write);
      (void)server::add_to_library(db, state, *server::validate_module(module, "part1.bin"));
    }
    service_.emplace(loop_, configuration);
    asio::co_spawn(loop_, service_->start(), [this](std::exception_ptr, Result<void>) { started_ = true; });
    thread_ = std::thread([this] { loop_.run(); });
    while (!started_) std::this_thread::yield();
  }
  ~ThroughTheAppliance() {
    asio::post(loop_, [this] { service_->stop(); });
    thread_.join();
  }
  double run(int number) { return run_device(number, service_->server_key().public_key_spki(), service_->tcp_port()); }

private:
  TemporaryFolder folder_;
  asio::io_context loop_{1};
  std::optional<service::Service> service_;
  std::atomic<bool> started_{false};
  std::thread thread_;
};

// As little as can send an update: blocking, everything encrypted before the clock starts.
class BareSender {
public:
  explicit BareSender(const Bytes& module)
      : module_(module),
        key_(crypto::RsaPrivateKey::generate(2048)),
        acceptor_(loop_, {asio::ip::address_v4::loopback(), 0}) {}

  double run(int number) {
    std::thread server([this] { serve(); });
    const auto time = run_device(number, key_.public_key_spki(), acceptor_.local_endpoint().port());
    server.join();
    return time;
  }

private:
  void serve() {
    using namespace transport;
    auto socket = acceptor_.accept();
    socket.set_option(asio::ip::tcp::no_delay(true));
    const auto nonce = random_.bytes(40);
    asio::write(socket, asio::buffer(nonce));
    Bytes cipher(256);
    asio::read(socket, asio::buffer(cipher));
    const auto claim = *lightssl::parse_handshake(*key_.decrypt(cipher), nonce);
    const auto credentials = lightssl::make_credentials(random_);
    const auto encrypted = *crypto::RsaPublicKey::from_spki(claim.public_key)->encrypt(credentials.bytes, random_);
    asio::write(socket, asio::buffer(*lightssl::sign_reply(credentials, encrypted, key_)));
    lightssl::FrameReader reader(credentials.key(), credentials.initial_vector());
    lightssl::FrameWriter writer(credentials.key(), credentials.initial_vector());

    std::uint16_t id = 0;
    const auto seal = [&](coap::Message message, int token, Bytes& wire) {
      message.id = ++id;
      if (token >= 0) message.token = coap::Token(static_cast<std::uint8_t>(token));
      writer.seal(coap::encode(message), wire);
    };
    const auto receive_until = [&](auto wanted) {
      for (;;) {
        while (const auto frame = *reader.next())
          if (wanted(*coap::decode(*frame))) return;
        std::array<std::uint8_t, 4096> chunk;
        reader.feed(ByteView(chunk).first(socket.read_some(asio::buffer(chunk))));
      }
    };
    Bytes greeting, begin, chunks, done;
    seal(coap::request(coap::Type::non_confirmable, coap::Code::post, "h"), -1, greeting);
    seal(transfer::update_begin(true, 512, module_size), 1, begin);
    for (std::size_t at = 0, index = 0; at < module_.size(); at += 512, ++index)
      seal(transfer::chunk(ByteView(module_).subspan(at, std::min<std::size_t>(512, module_.size() - at)),
               static_cast<std::uint16_t>(index)),
          2, chunks);
    seal(transfer::update_done(), 3, done);
    append(chunks, done);

    asio::write(socket, asio::buffer(greeting));
    receive_until([](const coap::Message& m) { return m.path() == "e/spark"; });
    asio::write(socket, asio::buffer(begin));
    receive_until([](const coap::Message& m) { return m.code == coap::Code::changed; });
    asio::write(socket, asio::buffer(chunks));
    receive_until([](const coap::Message& m) { return m.code == coap::Code::changed; });
  }

  Bytes module_;
  crypto::RsaPrivateKey key_;
  crypto::SystemRandom random_;
  asio::io_context loop_{1};
  asio::ip::tcp::acceptor acceptor_;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int runs = argc > 1 ? std::max(1, std::atoi(argv[1])) : 31;
  log::set_threshold(log::Level::error);
  const auto module = part(3, module_size);
  ThroughTheAppliance server(module);
  BareSender bare(module);
  std::vector<double> through;
  std::vector<double> bare_times;
  for (int i = 0; i <= runs; ++i) {
    const auto a = server.run(i + 1);
    const auto b = bare.run(i + 1);
    if (i == 0) continue;  // the first of each warms up
    through.push_back(a);
    bare_times.push_back(b);
  }
  fmt::print("fast OTA of {} bytes over loopback TCP, median of {} runs\n", module_size, runs);
  fmt::print(
      "  through the appliance  {:7.2f} ms\n  bare sender            {:7.2f} ms\n  ratio                  {:7.3f}   "
      "(aim: at most 1.10)\n",
      median(through), median(bare_times), median(through) / median(bare_times));
}
