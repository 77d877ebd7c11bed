"""Debian's nginx with the configuration of the production deployment (docker/nginx). Its files are taken as they are, but for whose
folders, address and servers stand in them."""

import grp
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from string import Template

from support import program
from support.port import free_port
from support.rawhttp import Api
from support.wait import until

SOURCE = program.ROOT / "docker" / "nginx"
LIMITS = {"RATE_LIMIT": "10000r/s", "RATE_BURST": "10000", "CONNECTION_LIMIT": "1000", "REAL_IP_FROM": "192.0.2.1"}
OF_WORKERS = "".join(f"{kind}_temp_path {{home}}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))


def installed():
    """Where the program is, or None. It lives in /usr/sbin, which is not on everybody's path."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class Nginx:
    """Nginx(server.address): until close(). limits: other values of the variables in its templates."""

    def __init__(self, upstream, **limits):
        if installed() is None:
            program.missing("nginx")
        self.folder = tempfile.TemporaryDirectory(prefix="rowlock-nginx-")
        self.home, self.address = Path(self.folder.name), f"127.0.0.1:{free_port()}"
        self.limits = LIMITS | limits
        self.configure(upstream)
        with open(self.home / "log", "wb") as log:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", installed(), "-e", "stderr", "-c", self.home / "nginx.conf", "-g", "daemon off;"],
                                            cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until(self._answers, 10, "nginx answers")
        except BaseException:
            self.close()
            raise

    @property
    def api(self):
        return Api(self.address)

    def log(self):
        return (self.home / "log").read_text(errors="replace")

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()

    def configure(self, upstream):
        ours = {
            "user nginx;": f"user {pwd.getpwuid(os.getuid()).pw_name} {grp.getgrgid(os.getgid()).gr_name};",
            "pid /run/nginx.pid;": f"pid {self.home}/pid;",
            "/etc/nginx/conf.d/": f"{self.home}/conf.d/",
            "/etc/nginx/rowlock/": f"{self.home}/",
            "/usr/share/nginx/static": f"{SOURCE}/static",
            "/usr/share/nginx/media": f"{self.home}/media",
            "listen 80 ": f"listen {self.address} ",
            "server server:8080 ": f"server {upstream} ",
        }
        for name in ("conf.d", "media"):
            (self.home / name).mkdir()
        (self.home / "conf.d" / "folders.conf").write_text(OF_WORKERS.format(home=self.home))
        for path in SOURCE.glob("**/*.conf*"):
            text = path.read_text()
            name = path.name
            if path.suffix == ".template":
                text, name = Template(text).safe_substitute(self.limits), f"conf.d/{path.stem}"
            for theirs, words in ours.items():
                text = text.replace(theirs, words)
            (self.home / name).write_text(text)

    def _answers(self):
        assert self.process.poll() is None, self.log()
        try:
            return self.api.get("/health").status == 200
        except OSError:
            return False
