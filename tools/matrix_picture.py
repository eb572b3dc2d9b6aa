#!/usr/bin/env python3
"""Draw the matrix of releases: matrix_picture.py MATRIX.json OUT.svg (./dev matrix makes both)."""
import json
import sys
from itertools import groupby

cell, gap, head = 4, 28, 34
names = {
    "photon": "Photon",
    "p1": "P1",
    "electron": "Electron",
    "argon": "Argon",
    "boron": "Boron",
    "xenon": "Xenon",
    "esomx": "E SoM X",
    "asom": "A SoM",
    "bsom": "B SoM",
    "xsom": "X SoM",
    "b5som": "B5 SoM",
    "tracker": "Tracker",
    "trackerm": "Tracker M",
    "p2": "P2 / Photon 2",
    "msom": "M SoM",
    "core": "Core",
}
# Number of files on the way; no path; the same release.
colours = ["#eef2f7", "#d3e3f4", "#b3d1ee", "#8dbbe4", "#639fd6", "#3f82c2", "#2766a4", "#174b80", "#0c335c", "#061f3b"]
no_path, same = "#e9a23b", "#ffffff"


def number(release):
    return tuple(int(n) for n in release.split("."))


pairs = json.load(open(sys.argv[1]))
platforms = {}
for pair in pairs:
    platforms.setdefault(pair["platform"], {})[pair["from"], pair["to"]] = pair

drawn, x, y, row_height, width = [], 10, 44, 0, 1100
for platform, table in platforms.items():
    releases = sorted({start for start, _ in table} | {end for _, end in table}, key=number)
    side = cell * len(releases)
    if x + side > width:
        x, y, row_height = 10, y + row_height + gap + head, 0
    found = sum(pair["arrived"] for pair in table.values())
    drawn.append(f'<text x="{x}" y="{y + 12}" class="name">{names.get(platform, platform)}</text>')
    drawn.append(f'<text x="{x}" y="{y + 25}">{releases[0]} to {releases[-1]}: {found} of {len(table)}</text>')
    strokes = {}
    for row, start in enumerate(releases):
        line = []
        for end in releases:
            pair = table.get((start, end))
            steps = len(pair["steps"]) if pair and pair["arrived"] else None
            colour = (
                same if pair is None else no_path if steps is None else colours[min(max(steps, 1), len(colours)) - 1]
            )
            line.append(colour)
        column = 0
        for colour, run in groupby(line):
            length = len(list(run))
            if colour != same:
                at = f"M{x + column * cell} {y + head + row * cell}h{length * cell}v{cell}h{-length * cell}z"
                strokes.setdefault(colour, []).append(at)
            column += length
    drawn += [f'<path fill="{colour}" d="{"".join(paths)}"/>' for colour, paths in strokes.items()]
    x += max(side, 120) + gap
    row_height = max(row_height, side)
height = y + row_height + head + 30

found, total = sum(pair["arrived"] for pair in pairs), len(pairs)
legend, at = [], 10
for words, colour in [(str(n + 1), c) for n, c in enumerate(colours)] + [
    ("files to send; no path over the air", no_path)
]:
    legend.append(f'<rect x="{at}" y="{height - 22}" width="12" height="12" fill="{colour}"/>')
    legend.append(f'<text x="{at + 16}" y="{height - 12}">{words}</text>')
    at += 36
title = f"From every release of Device OS (rows) to every other (columns): a path for {found:,} of {total:,} pairs"
with open(sys.argv[2], "w") as out:
    out.write(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">'
        f"<style>.name{{font-weight:bold;font-size:13px}}</style>"
        f'<rect width="{width}" height="{height}" fill="#fff"/>'
        f'<text x="10" y="24" font-size="16">{title}</text>' + "".join(drawn) + "".join(legend) + "</svg>\n"
    )
