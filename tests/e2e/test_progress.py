#!/usr/bin/env python3
"""The progress display on a terminal of several widths, and plain lines elsewhere. A small terminal is played here: what it
shows in the end is what somebody would see."""
import codecs
import fcntl
import pty
import re
import select
import termios

from harness import *

LONG = ["--set", "train.steps=100000", "--set", "train.checkpoint_every=1000000", "--set", "train.eval_every=0"]


class Screen:
    """A terminal with unlimited lines above: characters, line ends, and the control sequences that tfx uses."""

    def __init__(self, columns, rows=24):
        self.columns, self.rows, self.lines, self.row, self.column = columns, rows, [""], 0, 0
        self.colours, self.held, self.raw = 0, "", ""
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data, last=False):
        """Frames are shown whole: a read can end within one, so the newest waits until another one begins, or until the last."""
        text = self.held + self.decoder.decode(data, last)
        frame = r"(\033\[\d+A)?\r\033\[J"
        begins = [*re.finditer(frame, text)][-1:] or [*re.finditer(r"\033[^A-Za-z]*$", text)]
        end = begins[0].start() if begins and not last else len(text)
        self.held, text = text[end:], text[:end]
        self.raw += text
        at = 0
        while at < len(text):
            if text[at] == "\033":
                m = re.match(r"\033\[([0-9;?]*)([A-Za-z])", text[at:])
                expect(m, "control sequences are whole", text[at:])
                self.control(m[2], m[1])
                at += len(m[0])
            else:
                self.put(text[at])
                at += 1

    def control(self, letter, n):
        if letter == "A":
            self.row -= int(n or 1)
            expect(self.row >= max(0, len(self.lines) - self.rows), "the cursor stays on the screen", self.raw[-2000:])
        elif letter == "J":
            self.lines = self.lines[:self.row] + [self.lines[self.row][:self.column]]
        elif letter == "K":
            self.lines[self.row] = self.lines[self.row][:self.column]
        elif letter == "m":
            self.colours += 1
        else:
            raise Failure(f"a control sequence that is not expected: {letter}")

    def put(self, c):
        if c == "\r":
            self.column = 0
        elif c == "\n":
            self.row += 1
            if self.row == len(self.lines):
                self.lines.append("")
        else:
            if self.column == self.columns:
                self.column = 0
                self.put("\n")
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[:self.column] + c + line[self.column + 1:]
            self.column += 1

    def resize(self, columns):
        """As most terminals do it: what does not fit any more goes on in the next line."""
        rows = [[line[i:i + columns] for i in range(0, len(line) or 1, columns)] for line in self.lines]
        self.columns, self.lines = columns, sum(rows, [])
        self.row, self.column = len(self.lines) - 1, len(self.lines[-1])  # the cursor is at the end of the block

    def block(self):
        """The live lines: those with a bar, or of a run that starts."""
        return [line for line in self.lines if re.search(r"  [█░]{5,}|  [#.]{5,}|  starts$|/\d+ runs", line)]


class Terminal:
    def __init__(self, f, args, columns, rows=24, **env):
        self.screen = Screen(columns, rows)
        self.master, slave = pty.openpty()
        self.set_size(columns, rows)
        env = {"TERM": "xterm", "LC_ALL": "C.UTF-8", "NO_COLOR": "", **env}
        self.p = f.start(*args, stderr=slave, env=env)
        os.close(slave)

    def set_size(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows=24):
        """Between two frames: one on its way would be for the width before."""
        self.p.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.p.pid, os.WSTOPPED)
        while self.read(0.05):
            pass
        self.screen.feed(b"", last=True)
        self.set_size(columns, rows)
        self.screen.resize(columns)
        self.p.send_signal(signal.SIGCONT)

    def read_until(self, condition, what):
        deadline = time.monotonic() + 60
        while not condition(self.screen):
            expect(time.monotonic() < deadline and self.p.poll() is None, f"never: {what}", self.screen.raw[-3000:])
            self.read(0.2)

    def read(self, seconds):
        if not select.select([self.master], [], [], seconds)[0]:
            return b""
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the other end is closed
            data = b""
        self.screen.feed(data)
        return data

    def stop(self, status=130):
        self.p.send_signal(signal.SIGINT)
        return self.end(status)

    def end(self, status=0):
        while self.read(10):
            pass
        self.screen.feed(b"", last=True)
        out = self.p.communicate()[0]
        os.close(self.master)
        same(self.p.returncode, status, f"exit status\n{self.screen.raw}")
        same((self.screen.block(), self.screen.column, self.screen.lines[-1]), ([], 0, ""),
             "nothing of the display stays, and the cursor is at the beginning of a line")
        return out


def longest(screen):
    """Of what was drawn as display; events are as long as they are."""
    frames = re.sub(r"\033\[[0-9;]*m", "", screen.raw).replace("\r\n", "\n")
    return max(len(line) for line in re.split(r"\n|\r|\033\[[0-9]*[AJ]", frames) if re.search("ETA +[0-9?]|  starts", line))


def test_widths():
    bar = {"C.UTF-8": "█*░*", "C": "#*[.]*"}
    number, time_left = r"[\d.]+[kMGTP]?", r"ETA +(\?|[\d.]+[a-z]+\d*[a-z]*|[\d.]+ \w+)"
    shapes = {40: [f"transfo~ seed [12]  BAR  {time_left}", rf"0/2 runs +  BAR  {time_left}"],
              80: [rf"transformer seed [12]  BAR  +\d+/100000  loss [\d.]+  {time_left}",
                   rf"0/2 runs +  BAR  {number}/{number} FLOPs  {time_left}"],
              200: [rf"transformer seed [12]  BAR  +\d+/100000  +{number} tokens/s  loss [\d.]+  {time_left}",
                    rf"0/2 runs +  BAR  {number}/{number} FLOPs  {time_left}"]}
    for columns, locale in ((40, "C.UTF-8"), (80, "C"), (200, "C.UTF-8")):
        with folder() as f:
            t = Terminal(f, ["run", "tiny.ini", "--jobs", 2, "--arm", "transformer", *LONG], columns, LC_ALL=locale)
            t.read_until(lambda s: len(s.block()) == 3 and s.raw.count("ETA") > 30, "two runs train")
            one, two, both = block = t.screen.block()
            same(block, t.screen.lines[-3:], "the display is below everything else")
            for line, shape in ((one, shapes[columns][0]), (two, shapes[columns][0]), (both, shapes[columns][1])):
                expect(re.fullmatch(shape.replace("BAR", f"(?=.{{5,}}){bar[locale]}"), line), f"a line like {shape}", block)
            same({len(re.split(r"  [█░#.]{5}", line)[0]) for line in block}, {len(re.split(r"  [█░#.]{5}", one)[0])},
                 "the bars stand below each other")
            expect(longest(t.screen) < columns, "no line is as wide as the terminal", longest(t.screen))
            expect(t.screen.colours > 0, "there are colours")
            expect(re.search(r"^transformer seed 1  step 0  val loss \d", "\n".join(t.screen.lines), re.M) or columns < 60,
                   "events are above", t.screen.lines)
            out = t.stop()
            expect("interrupted" in out, "the table", out)


def test_another_width():
    """The next frame fits a terminal whose width has changed, and nothing stays of the one before."""
    with folder() as f:
        t = Terminal(f, ["run", "tiny.ini", "--jobs", 2, "--arm", "transformer", *LONG], 100)
        for columns in (100, 45, 200):
            t.resize(columns)
            before = t.screen.raw.count("ETA")
            t.read_until(lambda s: s.raw.count("ETA") > before + 12, "some frames")
            same((len(t.screen.block()), len(t.screen.lines[-1]) < columns, "FLOPs" in t.screen.lines[-1]),
                 (3, True, columns > 50), f"what {columns} columns have room for\n{t.screen.lines[-6:]}")
        t.stop()


def test_width_from_the_environment():
    """Where the terminal does not know its own."""
    with folder() as f:
        t = Terminal(f, ["run", "tiny.ini", "--jobs", 2, "--arm", "transformer", *LONG], 0, rows=0, COLUMNS="60")
        t.screen.columns, t.screen.rows = 60, 24
        t.read_until(lambda s: s.raw.count("ETA") > 12, "two runs train")
        expect(50 <= longest(t.screen) < 60, "as wide as COLUMNS", longest(t.screen))
        t.stop()


def test_few_rows():
    with folder() as f:
        t = Terminal(f, ["run", "tiny.ini", "--jobs", 4, *LONG], 100, rows=4)
        t.read_until(lambda s: s.raw.count("ETA") > 30, "runs train")
        expect(len(t.screen.block()) == 3 and "and 2 more" in t.screen.lines[-1], "what there is room for", t.screen.lines[-6:])
        t.stop()


def test_without_colours():
    with folder() as f:
        t = Terminal(f, ["run", "tiny.ini", "--jobs", 2], 80, NO_COLOR="1")
        t.end()
        same(t.screen.colours, 0, "colours")
        expect("\033[J" in t.screen.raw, "it is redrawn all the same")
    with folder() as f:
        t = Terminal(f, ["run", "tiny.ini", "--arm", "transformer"], 80, TERM="dumb")
        t.read_until(lambda s: "step 12  val loss" in s.raw, "it trains")
        t.p.communicate()
        expect("\033" not in t.screen.raw and "step 12/12" in t.screen.raw, "plain lines", t.screen.raw)


def test_what_was_done_before():
    """It counts: of four runs two are done, and another one has half of its steps behind it."""
    half = ["--set", "arm.grown.train.steps=100000", "--set", "train.checkpoint_every=0", "--set", "train.eval_every=0"]
    with folder() as f:
        f.tfx("run", "tiny.ini", *half, "--arm", "transformer")
        t = Terminal(f, ["run", "tiny.ini", *half, "--resume"], 100)
        t.read_until(lambda s: s.block() and "2/4 runs" in s.block()[-1] and s.raw.count("ETA") > 8, "the third run trains")
        t.stop()
        step = f.one("SELECT step FROM checkpoint WHERE reason = 'interrupted'")
        spent = f.one("SELECT sum(spent) FROM (SELECT max(flops) AS spent FROM metric GROUP BY run)")
        t = Terminal(f, ["run", "tiny.ini", *half, "--resume"], 100)
        t.read_until(lambda s: any("/100016" in line for line in s.block()), "it goes on")
        first = int(re.search(r"(\d+)/100016", t.screen.raw)[1])
        expect(first >= step, "steps go on from where they were", (first, step))
        shown = re.search(r"2/4 runs.*? ([\d.]+)([kMG])/", t.screen.raw)
        expect(float(shown[1]) * {"k": 1e3, "M": 1e6, "G": 1e9}[shown[2]] > 0.99 * spent, "cost", (shown[0], spent))
        t.stop()


def test_a_failure():
    with folder() as f:
        t = Terminal(f, ["run", "tiny.ini", "--jobs", 2, "--set", "arm.transformer.train.lr=1e30", "--set",
                         "arm.transformer.train.clip=0", "--set", "arm.grown.train.steps=100000"], 100)
        t.read_until(lambda s: s.block() and "0/4 runs, 2 failed" in s.block()[-1], "failures are counted")
        expect(sum("diverged" in line for line in t.screen.lines) >= 2, "why is told above", t.screen.lines)
        t.stop()


def test_one_run():
    """There is nothing to add up."""
    with folder() as f:
        t = Terminal(f, ["run", "tiny.ini", "--arm", "transformer", "--seed", 1, *LONG], 80)
        t.read_until(lambda s: s.raw.count("ETA") > 4, "it trains")
        same((len(t.screen.block()), "runs" in t.screen.lines[-1]), (1, False), "one line")
        t.stop()


def test_a_worker_alone():
    """Started by hand, it shows its progress itself."""
    with folder() as f:
        f.tfx("run", "tiny.ini", "--arm", "transformer", "--seed", 1)
        t = Terminal(f, ["run", "--worker", 2], 80)
        t.end()
        expect(re.search(r"transformer seed 2  [█░]+  +\d+/12", re.sub("\033.*?m", "", t.screen.raw)), "its line", t.screen.raw)
        r = f.tfx("run", "--worker", 3)
        expect("\033" not in r.stderr and "grown seed 1  step 28/28" in r.stderr, "plain lines", r.stderr)


def test_plain():
    """A snapshot but for what is measured."""
    with folder() as f:
        r = f.tfx("run", "tiny.ini", "--arm", "transformer", "--set", "train.eval_every=0", "--set", "train.steps=12")
        found = re.sub(r"[\d.]+[kM]? tokens/s", "N tokens/s", re.sub(r"ETA [\d.]+s", "ETA T", r.stderr))
        found = re.sub(r"loss [\d.]+", "loss L", re.sub(r"[\d.]+ bits/byte", "B bits/byte", found))
        same(found.splitlines(), ["transformer seed 1  step 0  val loss L  B bits/byte",
                                  "transformer seed 1  step 12/12  N tokens/s  loss L  ETA T",
                                  "transformer seed 1  step 12  val loss L  B bits/byte",
                                  "1/2 runs  321.5M/642.9M FLOPs  ETA T",
                                  "transformer seed 2  step 0  val loss L  B bits/byte",
                                  "transformer seed 2  step 12/12  N tokens/s  loss L  ETA T",
                                  "transformer seed 2  step 12  val loss L  B bits/byte"], "plain lines")


main(globals())
