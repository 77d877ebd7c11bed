"""The bench's C programs: those that `make bench` built, else compiled on the spot into a temporary folder."""

import os
import shlex
import subprocess
from pathlib import Path

from rig import HERE, ROOT
from support.program import rowlock

SOURCES = {"load": ["load.c", "requests.c", "id_scan.c", "options.c", "response.c", "hist.c", "die.c"], "bare": ["bare.c"]}
SHARED_SOURCES = [ROOT / "src" / "base" / "standard.c"]


def has_jemalloc(path):
    """From its archive, which has its name in its messages, or as a library."""
    linked = subprocess.run(["ldd", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return "libjemalloc" in linked or b"<jemalloc>" in Path(path).read_bytes()


def program(name, folder):
    """The path of `load` or `bare`."""
    named = os.environ.get("BENCH_PROGRAMS")
    for place in ([Path(named)] if named else [ROOT / "build" / "loadtest" / "bench", ROOT / "build", HERE / "bench"]):
        if os.access(place / name, os.X_OK):
            return str((place / name).resolve())
    return compiled(name, folder)


def compiled(name, folder):
    path = Path(folder) / name
    sources = [str(HERE / "bench" / source) for source in SOURCES[name]] + [str(source) for source in SHARED_SOURCES]
    libraries = []
    if name == "bare":
        # said so explicitly, because bare itself calls nothing of it
        allocator = ["-Wl,--no-as-needed", "-ljemalloc"] if has_jemalloc(rowlock()) else []
        libraries = ["-levent", *allocator]
    compiler = shlex.split(os.environ.get("CC", "cc"))
    # config.h is what the build makes, and has nothing in it that these need
    (Path(folder) / "config.h").touch()
    subprocess.run([*compiler, "-std=gnu11", "-O2", "-D_GNU_SOURCE", "-I", str(folder), "-I", str(ROOT / "src"), "-o", str(path), *sources, *libraries],
                   check=True)
    return str(path)


def check_allocators(bare):
    """bare must have the allocator that Rowlock has, or it would be no measure for it."""
    if has_jemalloc(bare) != has_jemalloc(rowlock()):
        raise RuntimeError(f"{bare} and {rowlock()} are linked with different allocators")
