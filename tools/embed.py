#!/usr/bin/env python3
"""Write a C++ source that holds files as string literals: embed.py OUT NAMESPACE FILE..."""
import sys
from pathlib import Path


def literal(data: bytes) -> str:
    # Octal escapes have three digits, so the next character can never be read as part of one.
    pieces = [chr(b) if 32 <= b < 127 and b not in b'"\\?' else f"\\{b:03o}" for b in data]
    lines = ["".join(pieces[i : i + 1000]) for i in range(0, len(pieces), 1000)] or [""]
    return "\n    ".join(f'"{line}"' for line in lines)


out, space, files = sys.argv[1], sys.argv[2], sorted(sys.argv[3:], key=lambda f: Path(f).name)
lines = [
    '#include "base/embedded.hpp"',
    "#include <array>",
    "using namespace std::string_view_literals;",
    f"namespace {space} {{",
    "namespace {",
    f"constexpr std::array<drydock::EmbeddedFile, {len(files)}> all{{{{",
]
lines += [f'  {{"{Path(f).name}"sv, {literal(Path(f).read_bytes())}sv}},' for f in files]
lines += ["}};", "}", "std::span<const drydock::EmbeddedFile> files() { return all; }", "}", ""]
Path(out).write_text("\n".join(lines))
