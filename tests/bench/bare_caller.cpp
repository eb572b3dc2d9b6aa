// The least that can call a function of a Photon: bare_caller STATE CALLS. Takes one connection with the server key of
// that state folder, calls "brew" so often, one after the other, blocking, without a service, a database or HTTP, and
// prints what the service's calls are measured against (tests/bench/cloud).
#include "coap/message.hpp"
#include "device/messages.hpp"
#include "state/server_keys.hpp"
#include "state/state_folder.hpp"
#include "transport/lightssl/frames.hpp"
#include "transport/lightssl/handshake.hpp"

#include <algorithm>
#include <asio.hpp>
#include <chrono>
#include <fmt/core.h>
#include <string>
#include <vector>

using namespace drydock;
using namespace drydock::transport;

namespace {

class Caller {
public:
  Caller(asio::ip::tcp::socket socket, const crypto::RsaPrivateKey& key) : socket_(std::move(socket)) {
    socket_.set_option(asio::ip::tcp::no_delay(true));
    const auto nonce = random_.bytes(lightssl::nonce_size);
    asio::write(socket_, asio::buffer(nonce));
    Bytes cipher(lightssl::handshake_cipher_size);
    asio::read(socket_, asio::buffer(cipher));
    const auto identity = lightssl::parse_handshake(key.decrypt(cipher).value(), nonce).value();
    const auto credentials = lightssl::make_credentials(random_);
    auto encrypted =
        crypto::RsaPublicKey::from_spki(identity.public_key).value().encrypt(credentials.bytes, random_).value();
    asio::write(socket_, asio::buffer(lightssl::sign_reply(credentials, std::move(encrypted), key).value()));
    reader_.emplace(credentials.key(), credentials.initial_vector());
    writer_.emplace(credentials.key(), credentials.initial_vector());
    send(coap::request(coap::Type::non_confirmable, coap::Code::post, "h"));
  }

  /// Microseconds from the request to the response with the function's result.
  double call(int number) {
    auto request = device::function_request("brew", std::to_string(number));
    request.token = coap::Token(static_cast<std::uint8_t>(number));
    const auto began = std::chrono::steady_clock::now();
    send(request);
    for (;;) {
      while (const auto frame = reader_->next().value()) {
        const auto message = coap::decode(*frame).value();
        if (message.type == coap::Type::confirmable) acknowledge(message.id);
        if (message.code == coap::Code::changed && message.token == request.token)
          return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - began).count();
      }
      std::array<std::uint8_t, 4096> chunk;
      reader_->feed(ByteView(chunk).first(socket_.read_some(asio::buffer(chunk))));
    }
  }

private:
  void send(coap::Message message) {
    message.id = ++id_;
    write(message);
  }
  void acknowledge(std::uint16_t id) {
    coap::Message empty;
    empty.type = coap::Type::acknowledgement;
    empty.id = id;
    write(empty);
  }
  void write(const coap::Message& message) {
    Bytes wire;
    writer_->seal(coap::encode(message), wire);
    asio::write(socket_, asio::buffer(wire));
  }

  asio::ip::tcp::socket socket_;
  crypto::SystemRandom random_;
  std::optional<lightssl::FrameReader> reader_;
  std::optional<lightssl::FrameWriter> writer_;
  std::uint16_t id_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: bare_caller STATE CALLS\n");
    return 2;
  }
  const auto key = state::load_server_key(state::StateFolder(argv[1])).value();
  asio::io_context loop{1};
  asio::ip::tcp::acceptor acceptor(loop, {asio::ip::address_v4::loopback(), 0});
  fmt::print("port {}\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  Caller caller(acceptor.accept(), key);
  caller.call(0);  // behind whatever the device had to say first
  std::vector<double> times;
  const auto began = std::chrono::steady_clock::now();
  for (int number = 1; number <= std::stoi(argv[2]); ++number) times.push_back(caller.call(number));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::sort(times.begin(), times.end());
  const auto size = times.size();
  fmt::print("{:.0f} calls/s, median {:.1f} ms, 99 of 100 within {:.1f} ms\n", static_cast<double>(size) / seconds,
      times[size / 2] / 1000, times[size * 99 / 100] / 1000);
}
