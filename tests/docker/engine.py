"""The Docker engine that the tests use: the one that answers, else, for root, a private one that is gone afterwards. And
the images on it that this project does not make itself: pulled, or built from Debian's packages under the same names."""

import atexit
import json
import os
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.program import ROOT
from support.wait import until

BASE = "debian:bookworm-slim"
FRESH = {"bookworm": BASE, "trixie": "debian:trixie-slim"}      # what the two commands must work on
# what the compose files name, and the folder in standins/ for where it cannot be pulled
IMAGES = {"postgres:16": "postgres", "nginx:1.28": "nginx", "redis:7": "redis", "dpage/pgadmin4:9": "pgadmin"}
STANDINS = Path(__file__).parent / "standins"
LABEL = "rowlock.test.standin"


class Unavailable(Exception):
    """Why containers cannot be tested here."""


def run(*command, check=True, timeout=300, **options):
    """Runs a command to its end; its output, both kinds, is text in stdout."""
    done = subprocess.run([str(word) for word in command], stdin=options.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                          stderr=options.pop("stderr", subprocess.STDOUT), text=True, timeout=timeout, **options)
    assert not check or done.returncode == 0, f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-6000:]}"
    return done


def docker(*arguments, **options):
    return run("docker", *arguments, **options)


def inspect(name):
    return json.loads(docker("inspect", name).stdout)[0]


def answers():
    try:
        return docker("info", check=False, timeout=30).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def compose_command():
    if docker("compose", "version", check=False).returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    raise Unavailable("neither docker compose nor docker-compose is installed")


class Engine:
    def __init__(self):
        self.private = None
        self.made = []
        if shutil.which("docker") is None:
            raise Unavailable("no docker client is installed")
        if not answers():
            self.private = PrivateEngine()
        try:
            self.compose = compose_command()
            self.have_images()
        except BaseException:
            self.close()
            raise

    def close(self):
        for name in reversed(self.made):
            docker("rmi", name, check=False)     # refused while somebody else uses it
        if self.private is not None:
            self.private.close()

    # ---- images ----

    def have_images(self):
        self.have_base("bookworm")
        self.build_flags = [] if packages_missed([]) is None else ["--network", "host"]
        missed = packages_missed(self.build_flags)
        if missed is not None:
            raise Unavailable(f"containers do not run here, or do not reach the package mirror: {missed}")
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self.have_image, IMAGES))     # what went wrong in one of them is raised here

    def have_base(self, release):
        """The name of the image with an empty Debian of that release."""
        if not self.have(FRESH[release]):
            make_base(release)
            self.made.append(FRESH[release])
        return FRESH[release]

    def have_image(self, name):
        if not self.have(name):
            docker("build", *self.build_flags, "--label", LABEL, "-t", name, STANDINS / IMAGES[name])
            self.made.append(name)

    def have(self, name):
        """True when it is there or can be pulled. What was there stays, unless an earlier test has left it behind."""
        found = docker("image", "inspect", name, check=False, stderr=subprocess.DEVNULL)
        if found.returncode == 0:
            if LABEL in (json.loads(found.stdout)[0]["Config"].get("Labels") or {}):
                self.made.append(name)
            return True
        try:
            pulled = docker("pull", "-q", name, check=False, timeout=180).returncode == 0
        except subprocess.TimeoutExpired:
            return False
        if pulled:
            self.made.append(name)
        return pulled


def packages_missed(flags):
    """What apt-get in a container says that it cannot reach, None when it reaches all."""
    try:
        said = docker("run", "--rm", *flags, BASE, "apt-get", "-q", "-o", "Acquire::Retries=0", "update", check=False, timeout=60)
    except subprocess.TimeoutExpired:
        return "no answer within a minute"
    # what cannot be reached is only a warning to apt-get
    missed = [line for line in said.stdout.splitlines() if line.startswith(("W:", "E:", "Err:"))]
    return None if said.returncode == 0 and not missed else " ".join((missed or said.stdout.splitlines() or ["without a word"])[-1].split())[:300]


# as the image has it that cannot be pulled: nothing is written for a loss of power, and no manuals
DPKG = "force-unsafe-io\n" + "".join(f"path-exclude=/usr/share/{folder}/*\n" for folder in ("doc", "locale", "man"))


def make_base(release):
    """An empty Debian as this machine gets it: with its settings of apt, and for its own release from its mirrors."""
    name = FRESH[release]
    if shutil.which("debootstrap") is None or os.geteuid() != 0:
        raise Unavailable(f"{name} cannot be pulled, and only root with debootstrap can make one")
    with tempfile.TemporaryDirectory(prefix="rowlock-base-", dir="/var/tmp") as folder:
        root = Path(folder) / "root"
        (root / "etc/dpkg/dpkg.cfg.d").mkdir(parents=True)
        (root / "etc/dpkg/dpkg.cfg.d/docker").write_text(DPKG)
        made = run("debootstrap", "--variant=minbase", "--include=ca-certificates", release, root, check=False, timeout=600)
        if made.returncode != 0:
            raise Unavailable(f"{name} cannot be pulled, and debootstrap failed: {(made.stdout.strip().splitlines() or [''])[-1]}")
        settings = ["etc/apt/apt.conf.d", "usr/local/share/ca-certificates"]
        if f"VERSION_CODENAME={release}" in Path("/etc/os-release").read_text():
            (root / "etc/apt/sources.list").unlink(missing_ok=True)
            settings += ["etc/apt", "usr/share/keyrings"]
        for path in settings:
            if Path("/", path).is_dir():
                shutil.copytree(Path("/", path), root / path, dirs_exist_ok=True)
        run("chroot", root, "update-ca-certificates")
        for path in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man"):
            shutil.rmtree(root / path, ignore_errors=True)
            (root / path).mkdir()
        with subprocess.Popen(["tar", "-C", root, "--one-file-system", "-c", "."], stdout=subprocess.PIPE) as tar:
            docker("import", "-c", f"LABEL {LABEL}=", "-c", 'CMD ["bash"]', "-", name, stdin=tar.stdout)


# ---- an engine of our own ----

# the tables of packet filters that Docker writes to, as they are without a rule
EMPTY = {"filter": ":INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n", "nat": ":PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n"}


def rules(tool):
    """{table: its rules, as TOOL-restore takes them}"""
    if shutil.which(f"{tool}-save") is None:
        return {}
    saved = run(f"{tool}-save", check=False, stderr=subprocess.DEVNULL).stdout
    return {table: whole for whole, table in re.findall(r"^(\*(\w+)\n.*?^COMMIT\n)", saved, re.M | re.S)}


class PrivateEngine:
    """dockerd with everything of its own. What it changes in the network of the machine is put back."""

    def __init__(self):
        if os.geteuid() != 0:
            raise Unavailable("no Docker engine answers, and only root can start one")
        if shutil.which("dockerd") is None:
            raise Unavailable("no Docker engine answers, and dockerd is not installed")
        self.folder = Path(tempfile.mkdtemp(prefix="rowlock-engine-", dir="/var/tmp"))
        self.had_bridge = Path("/sys/class/net/docker0").exists()
        self.forwarding = Path("/proc/sys/net/ipv4/ip_forward").read_text()
        self.rules = {tool: rules(tool) for tool in ("iptables", "ip6tables")}
        self.log = self.folder / "log"
        address = f"unix://{self.folder}/socket"
        atexit.register(self.close)     # an interrupt may come while others are ended, and then nobody calls it
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["dockerd", "--data-root", self.folder / "data", "--exec-root", self.folder / "run",
                                             "-p", self.folder / "pid", "-H", address], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.before = os.environ.get("DOCKER_HOST")
        os.environ["DOCKER_HOST"] = address
        try:
            until(lambda: self.process.poll() is not None or answers(), 60, "an answer of dockerd")
        except AssertionError:
            pass
        if self.process.poll() is not None or not answers():
            said = self.log.read_text(errors="replace").split()
            self.close()
            raise Unavailable(f"no Docker engine answers, and one cannot be started here: {' '.join(said)[-300:]}")

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.before is None:
            os.environ.pop("DOCKER_HOST", None)
        else:
            os.environ["DOCKER_HOST"] = self.before
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            target = line.split()[1]
            if target.startswith(f"{self.folder}/"):
                run("umount", "-l", target, check=False)
        if not self.had_bridge and Path("/sys/class/net/docker0").exists() and shutil.which("ip"):
            run("ip", "link", "delete", "docker0", check=False)
        for tool, before in self.rules.items():
            # a table that was not there before is emptied
            wanted = "".join(before.get(table, f"*{table}\n{EMPTY[table]}COMMIT\n") for table in rules(tool) if table in EMPTY)
            if wanted:
                subprocess.run([f"{tool}-restore"], input=wanted, text=True, check=False)
        forwarding = Path("/proc/sys/net/ipv4/ip_forward")
        if forwarding.read_text() != self.forwarding:
            forwarding.write_text(self.forwarding)
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.close)


# ---- the source, as somebody gets it ----

AT_THE_TOP = shutil.ignore_patterns(".git", ".env", "build", "build-check", "Makefile", "Makefile.in", "config.status", "config.h", "configure",
                                    "configure~", "aclocal.m4", "autom4te.cache", "rowlock-[0-9]*")
IN_CORE = ("sql_texts.c", "statements.h")
ANYWHERE = shutil.ignore_patterns("db_password", "gmap_token", "github_token", ".deps", "*.o", "*.log", "*.trs", "__pycache__", "node_modules")


def fresh_source(folder):
    """A copy of the source tree as it is in a fresh clone: nothing built, no settings."""
    def generated(where, names):
        return ANYWHERE(where, names) | (AT_THE_TOP(where, names) if where == str(ROOT) else set()) \
            | (set(IN_CORE) if where == str(ROOT / "src/core") else set())

    shutil.copytree(ROOT, folder, symlinks=True, ignore=generated)
    run("chmod", "-R", "u+w", folder)
    return folder
