// What `drydock config default` prints, and the package installs.
#include "state/configuration.hpp"

namespace drydock::state {

std::string default_configuration_text() {
  return R"(# Drydock's configuration. Every option is shown with its default.

[state]
# Where keys, firmware files and the database live. Back this folder up: devices know this server by its keys.
#folder = "/var/lib/drydock"

[store]
# The database is a file in the state folder, for which nothing need be done. A PostgreSQL (15 or later) can be used instead, by one
# machine or several with the same keys; 'drydock store move' takes everything there. Its password belongs into .pgpass in the state folder.
#url = "postgresql://drydock@db.example.org/drydock"
# What this machine is called among those that share a PostgreSQL: its host name, unless this says otherwise.
#node = ""

[listen]
#address = "0.0.0.0"
# Photon, P1 and Core connect here. Their server address says which port to use.
#tcp_port = 5683
# Electron, Argon, Boron, Tracker, P2 / Photon 2 and M SoM connect here. They use this port whatever their server address says.
#udp_port = 5684

# How many TCP connections there may be at a time, and as many sessions over UDP. Each connection is a file descriptor.
#connections = 10000
# How many TCP connections one address may have at a time: a site behind NAT has one address for all its devices.
#connections_per_address = 4000
# Addresses of load balancers in front of this machine, whose TCP connections begin with a PROXY header, version 2.
#proxies = []

[devices]
# What happens to a device that was never seen before:
# "approve": it is shown and waits for you; "open": it is approved at once; "closed": it is rejected.
#policy = "approve"
# How many devices that were never seen before may come from one address in a minute, after the first 256. Raise it for a
# large site behind one address (NAT, a load balancer) while its devices come for the first time.
#new_per_minute = 30
# After how many days without a sign of life a device counts as away, and as something to look after. 0: never.
#away_days = 7
# After how many minutes whoever listens (webhooks, e-mail, ntfy, Particle's event streams) is told that a device is away. 0: never.
# Make it longer than devices of yours sleep.
#away_minutes = 10

[updates]
# How many devices are sent a module at the same time.
#concurrent = 8
# Offer the fast transfer, where a device need not answer every chunk.
#fast = true
# How many seconds transfers that are under way may take to finish when Drydock is stopped.
#stop_seconds = 30

[web]
# The page for people. The first visitor sets its password, with a code that 'drydock status' shows.
#enabled = true
#address = "0.0.0.0"
#port = 8080
# One more port, where Particle's API (/v1 and /oauth) is and nothing else: to let programs in where the page shall not be reached. 0: none.
#api_port = 0
# TLS: "off"; "redirect": browsers that come without are sent to the same place with it; "both": they may stay without.
#tls = "off"
# A PEM file with certificate and private key; without one Drydock makes its own, whose fingerprint 'drydock status' shows.
#certificate = "/etc/drydock/page.pem"
# Names under which browsers reach the page, besides its addresses and names that exist in local networks only (one word, .local, .lan,
# .internal, .home.arpa): others are refused, as a page from elsewhere may have pointed a name of its own at this machine.
#hosts = []
# Addresses of reverse proxies in front of the page, ["127.0.0.1"] for one on this machine: who they speak for is read from X-Forwarded-For, and whether over TLS from X-Forwarded-Proto.
#trusted_proxies = []
# Where people reach the page, "https://drydock.example.org" say: messages and Home Assistant link to it.
#url = ""
# Whether the fleet may be looked at, and nothing else, without logging in.
#guests = false

[integrations]
# Webhooks, e-mail and ntfy are set up on the page, and reach public addresses only. Networks of your own that they may reach too,
# ["192.168.1.0/24", "127.0.0.0/8"] say. Whoever administers the page can make this machine send requests there.
#private_networks = []
# After how many seconds a message that could not be sent is tried again; before each further one of ten tries the pause is twice as long.
#retry_seconds = 5

[mqtt]
# A broker (Mosquitto, say) that is told of devices, and Home Assistant by it. None, unless a host is named.
#host = "localhost"
# 0: 1883, or 8883 over TLS.
#port = 0
#tls = false
# Who signed the broker's certificate, as a PEM file; without one: whom the system trusts.
#ca = "/etc/drydock/broker-ca.pem"
#user = "drydock"
# A file with the password and nothing else, which only the user drydock may read.
#password_file = "/etc/drydock/mqtt-password"
# What all topics begin with. 'man drydock.toml' lists them.
#topic = "drydock"
# Where Home Assistant looks for devices; "": it is not told.
#discovery = "homeassistant"
# Whether each device is one in Home Assistant, or the fleet alone.
#devices = true
# Whether the broker's clients may begin updates and pause all.
#commands = false
# Events of devices that become topics, by how their names begin: ["door/"]. [""]: all.
#events = []
# Events that the broker's clients may publish to devices, likewise.
#publish = []

[log]
# "error", "warning", "notice", "info" or "debug".
#level = "info"
)";
}

}  // namespace drydock::state
