"""A deployment by one of the compose files, under a name and on ports of its own."""

import os

from engine import docker, inspect, run
from support.rawhttp import Api
from support.wait import until

PATIENCE = 120


class Deployment:
    def __init__(self, engine, source, file, project, **settings):
        self.engine, self.source, self.file, self.project = engine, source, file, project
        self.settings = {name: str(value) for name, value in settings.items()}

    # ---- doing ----

    def environment(self):
        return {**os.environ, **self.settings, "PROJECT": self.project, "COMPOSE": " ".join(self.engine.compose)}

    def compose(self, *arguments, **options):
        return run(*self.engine.compose, "-f", self.file, "-p", self.project, *arguments, cwd=self.source, env=self.environment(),
                   **options)

    def make(self, *arguments, **options):
        return run("make", *arguments, cwd=self.source, env=self.environment(), timeout=900, **options)

    def exec(self, service, *command, **options):
        return self.compose("exec", "-T", service, *command, **options)

    def down(self):
        self.compose("--profile", "redis", "--profile", "pgadmin", "down", "-v", "--remove-orphans", "-t", "10")

    # ---- looking ----

    def containers(self, service=None, all=False):
        """Ids, of running containers unless all."""
        filters = [f"label=com.docker.compose.project={self.project}"]
        if service is not None:
            filters += [f"label=com.docker.compose.service={service}", "label=com.docker.compose.oneoff=False"]
        return docker("ps", "-q", "--no-trunc", *(["-a"] if all else []), *(word for name in filters for word in ("--filter", name))).stdout.split()

    def container(self, service):
        found = self.containers(service)
        assert len(found) == 1, (service, found)
        return found[0]

    def health(self, service):
        return [inspect(container)["State"]["Health"]["Status"] for container in self.containers(service)]

    def wait_health(self, service, wanted):
        until(lambda: (found := self.health(service)) and set(found) == {wanted}, PATIENCE, f"{service} is {wanted} by docker inspect")

    def api(self, port):
        return Api(f"127.0.0.1:{self.settings[port]}")

    def left(self):
        """What of it is still there."""
        label = f"label=com.docker.compose.project={self.project}"
        return (docker("ps", "-aq", "--filter", label).stdout + docker("volume", "ls", "-q", "--filter", label).stdout
                + docker("network", "ls", "-q", "--filter", label).stdout).split()

    def config(self):
        return self.compose("config").stdout
