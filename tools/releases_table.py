#!/usr/bin/env python3
"""Write the C++ table of Device OS releases that src/firmware/releases.cpp reads: releases_table.py RELEASES.json OUT

Modules that no release brings (a SoftDevice of the factory) and those of unknown version are left out; user parts too:
what runs on a device is its owner's.
"""
import json
import sys

functions = {
    "bootloader": "bootloader",
    "monolithic": "monolithic",
    "system-part": "system_part",
    "ncp-firmware": "ncp",
    "radio-stack": "radio_stack",
}


def key(function, index):
    return f"{{Function::{functions[function]}, {index}}}"


def dependency(entry):
    return f"{{{key(entry[0], entry[1])}, {entry[2]}}}" if entry else "{}"


def module(entry):
    dependencies = [d for d in entry.get("dependencies", []) if d]
    first, second = (dependencies + [None, None])[:2]
    return (
        f"{{{key(entry['function'], entry['index'])}, {entry['version']}, "
        f"{{{{{dependency(first)}, {dependency(second)}}}}}}}"
    )


def brings(entry):
    in_release = not (entry.get("null_reason") or "").startswith("not part of the release")
    return entry["function"] in functions and entry["version"] is not None and in_release


table = json.loads(open(sys.argv[1]).read())
modules, rows = [], []
for row in table["rows"]:
    major, minor, patch = (int(n) for n in row["release"].split("."))
    brought = [module(entry) for entry in row["modules"] if brings(entry)]
    # Rows of one platform often share their modules with the row of another: each run of modules stands once.
    at = next((i for i in range(len(modules)) if modules[i : i + len(brought)] == brought), None)
    if at is None:
        at = len(modules)
        modules += brought
    published = "true" if row["published"] else "false"
    rows.append(
        f"{{{row['platform']}, {{{major}, {minor}, {patch}}}, {row.get('system_version') or 0}, {published}, {at}, {len(brought)}}}"
    )

# The first release of a platform that has a slot which its very first release had not.
slots = []
for platform in sorted({row["platform"] for row in table["rows"]}):
    known = None
    of_platform = [row for row in table["rows"] if row["platform"] == platform and "describe_slots" in row]
    for row in sorted(of_platform, key=lambda r: r["system_version"]):
        has = {(slot[0], slot[1]) for slot in table["slot_sets"][row["describe_slots"]]}
        for function, index in sorted(has - (known or has)):
            slots.append(f"{{{platform}, {{static_cast<Function>({function}), {index}}}, {row['system_version']}}}")
        known = has | (known or set())

# Where modules of a slot begin, in whichever release; or where they end, when they grow downwards.
functions["user-part"] = "user_part"
places = set()
for row in table["rows"]:
    for entry in row["modules"]:
        if entry["function"] in functions:
            begins, ends = entry.get("start"), entry.get("fixed_end")
            places.add((row["platform"], key(entry["function"], entry["index"]), begins or "{}", ends or "{}"))
places = [f"{{{platform}, {of}, {begins}, {ends}}}" for platform, of, begins, ends in sorted(places)]

lines = ["// Made from releases.json by tools/releases_table.py."]
lines += [f"constexpr ReleaseModule modules[] = {{{', '.join(modules)}}};"]
lines += [f"constexpr Row rows[] = {{{', '.join(rows)}}};"]
lines += [f"constexpr SlotPlace places[] = {{{', '.join(places)}}};"]
lines += [f"constexpr LaterSlot later_slots[] = {{{', '.join(slots)}}};"]
with open(sys.argv[2], "w") as out:
    out.write("\n".join(lines) + "\n")
