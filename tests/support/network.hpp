// A network in memory for datagrams: delay, loss, a rate with a queue in front of it, per device and direction. Same
// seed, same run.
#pragma once

#include "support/world.hpp"
#include "transport/dtls/channel.hpp"

#include <functional>
#include <map>

namespace drydock::testing {

using namespace std::chrono_literals;

struct NetworkOptions {
  NetworkOptions() = default;
  std::chrono::milliseconds delay{0};
  std::chrono::milliseconds jitter{0};
  double loss = 0;
  double repeat = 0;              ///< how often a datagram comes twice
  double bits_per_second = 0;     ///< 0: no limit
  std::size_t queue = 64 * 1024;  ///< bytes that may wait for the link; more are lost
};

class Network {
public:
  explicit Network(SimulatedWorld& world) : world_(world) {}

  NetworkOptions options;
  bool server_is_down = false;
  std::size_t bytes_to_devices = 0;  ///< of datagrams, with 28 bytes of IP and UDP headers each
  std::function<void(ByteView)> seen_by_server = [](ByteView) {};  ///< before it gets there
  std::function<void(ByteView)> server_sends = [](ByteView) {};    ///< to whomever

  using Address = std::function<transport::UdpEndpoint()>;
  void attach(int device, std::function<void(ByteView)> device_gets,
      std::function<void(ByteView, const transport::UdpEndpoint&)> server_gets, Address address) {
    ends_[device] = End{std::move(device_gets), std::move(server_gets), std::move(address), {}, {}};
  }
  void to_device(int device, ByteView datagram) {
    auto& end = ends_.at(device);
    bytes_to_devices += datagram.size() + headers;
    carry(end.down_free, datagram, [&end](const Bytes& d) { end.device_gets(d); });
  }
  void to_server(int device, ByteView datagram) {
    auto& end = ends_.at(device);
    const auto from = end.address();
    carry(end.up_free, datagram, [this, &end, from](const Bytes& d) {
      if (server_is_down) return;
      seen_by_server(d);
      end.server_gets(d, from);
    });
  }

private:
  static constexpr std::size_t headers = 28;
  struct End {
    std::function<void(ByteView)> device_gets;
    std::function<void(ByteView, const transport::UdpEndpoint&)> server_gets;
    Address address;
    Clock::time_point up_free{}, down_free{};
  };

  double chance() { return std::uniform_real_distribution<double>(0, 1)(world_.random.engine()); }

  void carry(Clock::time_point& free, ByteView datagram, std::function<void(const Bytes&)> deliver) {
    auto at = Clock::now();
    if (options.bits_per_second > 0) {
      const auto seconds = static_cast<double>((datagram.size() + headers) * 8) / options.bits_per_second;
      free = std::max(free, at);
      const auto waiting = std::chrono::duration<double>(free - at).count() * options.bits_per_second / 8;
      if (waiting > static_cast<double>(options.queue)) return;
      at = free = free + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    }
    if (options.loss > 0 && chance() < options.loss) return;
    const int copies = options.repeat > 0 && chance() < options.repeat ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      auto arrival = at + options.delay;
      if (options.jitter.count() > 0)
        arrival += std::chrono::microseconds(
            static_cast<int>(chance() * 1000.0 * static_cast<double>(options.jitter.count())));
      // Timers of one moment go off in any order; without jitter a network keeps it.
      if (options.jitter.count() == 0 && arrival <= last_ && arrival + 1us > last_) arrival = last_ + 1ns;
      last_ = arrival;
      auto timer = std::make_shared<Timer>(world_.loop, arrival);
      timer->async_wait([timer, deliver, bytes = Bytes(datagram.begin(), datagram.end())](asio::error_code error) {
        if (!error) deliver(bytes);
      });
    }
  }

  SimulatedWorld& world_;
  Clock::time_point last_{};
  std::map<int, End> ends_;
};

}  // namespace drydock::testing
