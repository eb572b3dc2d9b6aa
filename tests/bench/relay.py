"""A UDP relay that delays, loses and slows down, for kernels without netem: relay.py LISTEN PORT SERVER DELAY-MS LOSS-PERCENT KBIT.
Headers of IP and UDP count against the rate; up to 200 datagrams wait in front of the link, each way."""
import asyncio
import random
import sys

listen, port, server, delay, loss, rate = (
    sys.argv[1],
    int(sys.argv[2]),
    sys.argv[3],
    float(sys.argv[4]) / 1000,
    float(sys.argv[5]) / 100,
    float(sys.argv[6]) * 1000,
)
headers, queue = 28, 200


class Direction:
    def __init__(self):
        self.free = 0.0
        self.waiting = 0

    def carry(self, loop, datagram, deliver):
        if self.waiting >= queue:
            return
        self.waiting += 1
        self.free = max(self.free, loop.time()) + (len(datagram) + headers) * 8 / rate
        loop.call_at(self.free, self.sent, loop, datagram, deliver)

    def sent(self, loop, datagram, deliver):
        self.waiting -= 1
        if random.random() >= loss:
            loop.call_later(delay, deliver, datagram)


class Back(asyncio.DatagramProtocol):
    def __init__(self, relay, client):
        self.relay, self.client = relay, client

    def datagram_received(self, datagram, _):
        self.relay.down.carry(loop, datagram, lambda d: self.relay.transport.sendto(d, self.client))


class Relay(asyncio.DatagramProtocol):
    def __init__(self):
        self.up, self.down, self.backs = Direction(), Direction(), {}

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, datagram, client):
        asyncio.ensure_future(self.forward(datagram, client))

    async def forward(self, datagram, client):
        if client not in self.backs:
            self.backs[client] = asyncio.ensure_future(
                loop.create_datagram_endpoint(lambda: Back(self, client), remote_addr=(server, port))
            )
        transport, _ = await asyncio.shield(self.backs[client])
        self.up.carry(loop, datagram, transport.sendto)


loop = asyncio.new_event_loop()
loop.run_until_complete(loop.create_datagram_endpoint(Relay, local_addr=(listen, port)))
print("relays", flush=True)
loop.run_forever()
