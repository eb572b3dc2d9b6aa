#!/usr/bin/env python3
"""Make docs/demo.svg from a real run of the demo in a terminal: tools/demo_picture.py PROGRAM OUT.svg"""
import html
import os
import pty
import re
import subprocess
import sys

program, out = sys.argv[1:3]
colours = {"33": "#e5c07b", "32": "#98c379", "1": "#ffffff"}


def run_in_terminal():
    ours, theirs = pty.openpty()
    process = subprocess.Popen([program, "demo"], stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    text = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:
            break
        if not chunk:
            break
        text += chunk
    if process.wait() != 0:
        sys.exit("the demo failed")
    return text.decode().replace("\r\n", "\n")


def spans(line):
    style, result = None, ""
    for part in re.split(r"(\x1b\[[0-9;]*m)", line.replace("\x1b[K", "")):
        code = re.fullmatch(r"\x1b\[([0-9;]*)m", part)
        if code:
            style = colours.get(code.group(1))
        elif part:
            fill = f' fill="{style}"' if style else ""
            result += f"<tspan{fill}>{html.escape(part)}</tspan>"
    return result


title, *frames = re.split(r"\x1b\[\d+A", run_in_terminal())
heading, first = title.split("\n\n", 1)
frames.insert(0, first)
# The frame that shows most at once: somebody under way, somebody done, somebody between the two.
best = max(
    frames,
    key=lambda f: (f.count("[#") > 0) * 2
    + ("runs what it should" in f) * 2
    + ("resetting" in f)
    + min(f.count("plan:"), 2),
)
lines = ["$ ./dev demo", heading, ""] + [line for line in best.split("\n") if line.strip("\x1b[K ")]
height, width = 20, 8.4
columns = max(len(re.sub(r"\x1b\[[0-9;]*[mK]", "", line)) for line in lines)
body = "\n".join(
    f'<text x="16" y="{30 + i * height}" xml:space="preserve">{spans(line)}</text>' for i, line in enumerate(lines)
)
with open(out, "w") as file:
    file.write(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * width + 32:.0f}" height="{len(lines) * height + 32}" '
        f'font-family="DejaVu Sans Mono, Menlo, monospace" font-size="14" fill="#abb2bf">\n<rect width="100%" height="100%" rx="8" fill="#21252b"/>\n{body}\n</svg>\n'
    )
