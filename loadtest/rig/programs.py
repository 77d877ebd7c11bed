"""The bench's C programs: those that `make bench` built, else compiled on the spot into a temporary folder."""

import os
import shlex
import subprocess
from pathlib import Path

from rig import HERE, ROOT
from support.program import rowlock

SOURCES = {"load": ["load.c", "options.c", "response.c", "hist.c"], "bare": ["bare.c"]}


def has_jemalloc(path):
    linked = subprocess.run(["ldd", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return "libjemalloc" in linked


def program(name, folder):
    """The path of `load` or `bare`."""
    named = os.environ.get("BENCH_PROGRAMS")
    for place in ([Path(named)] if named else [ROOT / "build" / "loadtest" / "bench", ROOT / "build", HERE / "bench"]):
        if os.access(place / name, os.X_OK):
            return str((place / name).resolve())
    return compiled(name, folder)


def compiled(name, folder):
    path = Path(folder) / name
    sources = [str(HERE / "bench" / source) for source in SOURCES[name]]
    libraries = []
    if name == "bare":
        # said so explicitly, because bare itself calls nothing of it
        allocator = ["-Wl,--no-as-needed", "-ljemalloc"] if has_jemalloc(rowlock()) else []
        libraries = ["-levent", *allocator]
    compiler = shlex.split(os.environ.get("CC", "cc"))
    subprocess.run([*compiler, "-std=c11", "-O2", "-o", str(path), *sources, *libraries], check=True)
    return str(path)


def check_allocators(bare):
    """bare must have the allocator that Rowlock has, or it would be no measure for it."""
    if has_jemalloc(bare) != has_jemalloc(rowlock()):
        raise RuntimeError(f"{bare} and {rowlock()} are linked with different allocators")
