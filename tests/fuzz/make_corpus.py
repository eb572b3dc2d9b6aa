#!/usr/bin/env python3
"""Seeds for the fuzz targets from the recorded and computed vectors: make_corpus.py OUT"""
import base64
import hashlib
import json
import sys
from pathlib import Path

data = Path(__file__).resolve().parent.parent / "data"
out = Path(sys.argv[1])


def put(target, content):
    folder = out / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)


def sized(datagram):
    return len(datagram).to_bytes(2, "big") + datagram


recorded = [json.loads(line) for line in (data / "dtls-boron-6.2.0.jsonl").read_text().splitlines()]
datagrams = {
    way: [bytes.fromhex(e["hex"]) for e in recorded if e["ev"] == "datagram" and e["dir"] == way]
    for way in ("device_to_server", "server_to_device")
}
secrets = next(e for e in recorded if e["ev"] == "server_secrets")
for datagram in sum(datagrams.values(), []):
    put("dtls_records", datagram)
# The signature of the recorded ServerKeyExchange, behind "ecdsa with SHA-256".
flight = datagrams["server_to_device"][1]
at = flight.index(bytes.fromhex("040300"), 100) + 4
signature = flight[at - 1 : at + flight[at - 1]]
draw = bytes.fromhex(secrets["server_random"] + secrets["ecdhe_private_scalar"] + secrets["cid"])
put("dtls_handshake", draw + signature + b"".join(map(sized, datagrams["device_to_server"][1:3])))
put("dtls_handshake", draw + signature + b"".join(map(sized, datagrams["device_to_server"][1:5])))
for message in json.loads((data / "06_ota_v3.json").read_text())["messages"]:
    message = bytes.fromhex(message["coap"])
    put("v3", message)
    put("coap", message)
    put("dtls_session", b"\x01" + (b"\x08\x01" + sized(message)) * 2)
    put("dtls_session", b"\x00\x04\x01" + sized(message) + b"\x05\xff\x17" + sized(message))
put("v3", bytes([3, 200, 40]) + bytes([1, 2, 0, 10, 3, 1, 2, 3, 0, 200]) * 20)
for name in ("03_hello", "04_coap_messages", "05_legacy_ota"):
    for message in json.loads((data / f"{name}.json").read_text())["messages"]:
        put("coap", bytes.fromhex(message["coap"]))
for name in ("tcp-2.3.1-normal", "tcp-photon-6.2.0-fast"):
    for line in (data / f"{name}.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["ev"] == "message":
            message = bytes.fromhex(event["plain"])
            put("coap", message)
            if b"\xff" in message:
                put("describe", message.split(b"\xff", 1)[1])
        elif event["ev"] == "frame":
            put("frames", b"\x40" + bytes.fromhex(event["hex"]))
        elif event["ev"] == "handshake_blob":
            put("claim", bytes.fromhex(event["padded_plaintext"])[-214:])
for sample in json.loads((data / "10_dependency_resolution.json").read_text())["describes"]:
    put("describe", json.dumps(sample["describe"]).encode())
put("describe", bytes.fromhex("00040002000400" "06000c000000" "080004000000" "19809cffffff"))  # vitals
put("describe", bytes.fromhex(json.loads((data / "16_describe_protobuf.json").read_text())["encoded_hex"]))
put(
    "configuration",
    b'[state]\nfolder = "/x"\n[listen]\ntcp_port = 5683\n[devices]\npolicy = "open"\n[updates]\nfast = true\n',
)
# A small user part: prefix, noise, suffix. Its CRC is wrong, which only the last check minds.
size = 200
prefix = (
    (0x080A0000).to_bytes(4, "little")
    + (0x080A0000 + size - 4).to_bytes(4, "little")
    + bytes([0, 0x10, 3, 0, 6, 0, 5, 1, 4, 2, 3, 0, 0, 0, 0, 0])
)
put(
    "module",
    prefix
    + bytes([0x12, 0, 8, 0, 1, 2, 3, 4, 0, 0, 4, 0])
    + bytes(size - 24 - 12 - 6)
    + (50).to_bytes(2, "little")
    + bytes(4),
)
put("module", bytes.fromhex(json.loads((data / "15_compressed_combined.json").read_text())["compressed"]["result_hex"]))
boundary = b"-" * 26 + b"24hexadecimaldigits"
put(
    "multipart",
    b"multipart/form-data;boundary="
    + boundary
    + b"\n--"
    + boundary
    + b'\r\nContent-Disposition: form-data; name="file"; filename="/home/me/app.bin"\r\nContent-Type: application/octet-stream\r\n\r\n\x00\x01\r\n--'
    + boundary
    + b'\r\nContent-Disposition: form-data; name="latest"\r\n\r\ntrue\r\n--'
    + boundary
    + b"--\r\n",
)
put("body_template", b'{"a":"{{x}}","b":{{{y.z}}},"c":"{{PARTICLE_EVENT_VALUE}}"}\n{"x":"a\\"b","y":{"z":[1,2]}}')
ec_key = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200 04".replace(" ", "")) + bytes(range(64))
put("public_key", b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(ec_key) + b"-----END PUBLIC KEY-----\n")
put("public_key", ec_key)
