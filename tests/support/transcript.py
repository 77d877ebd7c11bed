"""Documentation that can be run: the console blocks of a Markdown file, with each command and what it prints.

    ```console
    $ curl -s http://127.0.0.1:8080/orders/1
    {"id":1, …}
    ```

A command begins with "$ " and goes on behind a backslash, or to the END of <<END; its answer reaches to the next one or to
the end of the block.
The answer must be printed word for word, apart from this:

 - JSON may be broken into lines between its members;
 - a line that is "…" stands for any lines;
 - what no two runs share is compared by shape: VOLATILE. Where the page shows the same time or tag again, the server must
   too; and a command that repeats one sends the server's own."""

import re
import shlex
import subprocess

from support import program

ADDRESS = "http://127.0.0.1:8080"      # what the pages call the server

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z"
TAG = r'(?:W/)?"[0-9a-f]{16}"'
HEADER = {
    "Date": r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z][a-z] \d{4} \d\d:\d\d:\d\d GMT",
    "X-Request-Id": r"[0-9a-f]{16}",
    "Content-Length": r"\d+",          # times have as many digits as the database gives them
}
REPEATED = (TIME, TAG)                 # those that pages may show more than once
VOLATILE = (*REPEATED, *(f"(?<=^{name}: ){shape}$" for name, shape in HEADER.items()))


class Step:
    def __init__(self, place, command):
        self.place, self.command, self.answer = place, command, ""

    def __repr__(self):
        return f"{self.place}: {self.command}"

    def unfinished(self):
        first, *more = self.command.splitlines()
        here = re.search(r"<<(\w+)$", first)
        return here[1] not in more if here else self.command.endswith("\\")


def steps(text, name):
    """The commands of all console blocks (fenced, or indented by four), in order."""
    found = []
    step, fence, goes_on = None, None, False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            fence = line[3:] if fence is None else None
            step = None
        elif fence not in (None, "console"):
            assert not line.startswith("$ "), f"{name}:{number}: a command outside of a console block"
        elif fence is None and line and not line.startswith("    "):
            step = None
        else:
            line = line if fence else line[4:]
            if goes_on:
                step.command += "\n" + line
            elif line.startswith("$ "):
                step = Step(f"{name}:{number}", line[2:])
                found.append(step)
            elif step is not None:
                step.answer += line + "\n"
            else:
                assert fence is None, f"{name}:{number}: an answer without a command"
            goes_on = step is not None and not step.answer and step.unfinished()
    for step in found:
        step.answer = step.answer.strip("\n")
    return found


def plain(text):
    """Without carriage returns, and JSON without the space between its tokens."""
    text = text.replace("\r\n", "\n").strip("\n")
    head, body = "", text
    if text.startswith("HTTP/"):
        head, _, body = text.partition("\n\n")
        head += "\n\n"
    if body[:1] in ("[", "{"):
        body = re.sub(r'("(?:[^"\\]|\\.)*")|\s+', lambda token: token[1] or "", body)
    return (head + body).strip("\n")


class Session:
    """Runs steps in a folder, against one server and its database, and remembers what stood for what."""

    def __init__(self, address, database, folder, words=("curl", "rowlock", "cat"), **env):
        self.address, self.folder, self.words = address, folder, words
        self.env = program.environment(DATABASE_URL=database.url if database else "", **env)
        self.known = {}

    def run(self, command):
        """What the command prints on stdout."""
        for documented, actual in self.known.items():
            command = command.replace(documented, actual)
        word = command.split(None, 1)[0]
        assert word in self.words, f"a page shows {', '.join(self.words)} only, not {word}"
        if word == "rowlock":
            command = command.replace(word, shlex.quote(program.rowlock()), 1)
        command = command.replace(ADDRESS, f"http://{self.address}")
        done = subprocess.run(["sh", "-c", command], env=self.env, cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30 * program.SLOW)
        assert done.returncode == 0, (command, done.returncode, done.stderr.decode())
        return done.stdout.decode()

    def matches(self, documented, actual):
        """Whether that is what the page shows; learns what its times and tags are here."""
        documented, actual = plain(documented), plain(actual)
        pattern, at, names = "", 0, []
        for volatile in re.finditer("|".join(f"({shape})" for shape in VOLATILE), documented, re.MULTILINE):
            shape = VOLATILE[volatile.lastindex - 1]
            pattern += re.escape(documented[at:volatile.start()])
            if shape in REPEATED and volatile[0] in self.known:
                pattern += re.escape(self.known[volatile[0]])
            elif shape in REPEATED and volatile[0] in names:
                pattern += rf"(?:\{names.index(volatile[0]) + 1})"
            elif shape in REPEATED:
                pattern += f"({shape})"
                names.append(volatile[0])
            else:
                pattern += shape
            at = volatile.end()
        pattern += re.escape(documented[at:])
        pattern = re.sub("^…$", "(?:.*\n)*.*", pattern.replace("\\\n", "\n"), flags=re.MULTILINE)
        found = re.fullmatch(pattern, actual, re.MULTILINE)
        if found:
            self.known.update(zip(names, found.groups()))
        return found is not None

    def check(self, documented):
        """Runs steps in order; fails with all that answer otherwise than documented."""
        wrong = []
        for step in documented:
            answer = self.run(step.command)
            if not self.matches(step.answer, answer):
                wrong.append(f"{step}\n  documented: {plain(step.answer)}\n  answered:   {plain(answer)}")
        assert not wrong, "\n" + "\n".join(wrong)
