"""The one table: medians, ratios, and the goals beside them."""

from dataclasses import dataclass

HEAD = ["", "wall s", "x count(*)", "x firedrill", "server CPU s", "µs/row", "client CPU s", "client MiB", "goal for firedrill"]


@dataclass
class Section:
    """Contenders on the same data."""

    title: str
    rows: int
    contenders: list
    # What count(*) of the data takes, where that is not among the contenders.
    count: float = None

    def wall(self, key):
        """The median of the contender that is known by that word."""
        return next((each.median("wall") for each in self.contenders if each.key == key), None)


@dataclass
class Goal:
    """How firedrill is to stand to another contender: at most so many times its time, or so many times as fast."""

    most: float = None
    faster: float = None

    def words(self, ratio):
        """`ratio`: firedrill's time by the other's."""
        if self.most:
            return f"at most {self.most:g} x: {ratio:.2g} x"
        return f"at least {self.faster:g} x faster: {1 / ratio:.1f} x"


def render(sections):
    """Markdown: a head, for each section a line and its contenders, then the notes."""
    lines = ["| " + " | ".join(HEAD) + " |", "| --- |" + " ---: |" * (len(HEAD) - 2) + " --- |"]
    notes = Notes()
    for section in sections:
        lines.append(f"| **{section.title}** |" + " |" * (len(HEAD) - 1))
        for contender in section.contenders:
            title = contender.title.replace("|", "\\|").replace("firedrill", "**firedrill**") + notes.of(contender)
            if contender.runs:
                lines.append("| " + " | ".join([title, *_numbers(contender, section)]) + " |")
            else:
                lines.append(f"| {title} | left out |" + " |" * (len(HEAD) - 2))
    return "\n".join([*lines, *notes.lines()])


def _numbers(contender, section):
    wall, server, client = (contender.median(what) for what in ("wall", "server", "client"))
    own, count = section.wall("firedrill"), section.count or section.wall("count")
    goal = contender.goal.words(own / wall) if contender.goal and own else ""
    if contender.faults:
        goal = f"**WRONG** {len(contender.faults)} of {len(contender.runs)} times"
    return [
        f"{wall:.2f}",
        f"{wall / count:.1f}" if count else "",
        f"{wall / own:.2f}" if own else "",
        f"{server:.2f}",
        f"{server / section.rows * 1e6:.2f}",
        f"{client:.2f}",
        f"{contender.median('mebibytes'):.0f}",
        goal,
    ]


class Notes:
    """What does not fit into a cell, numbered."""

    def __init__(self):
        self._texts = []

    def of(self, contender):
        """The marks of what is to be said of a contender."""
        texts = [contender.note] if contender.note else []
        texts += [f"left out: {contender.absent}"] if contender.absent else []
        texts += [f"wrong: {fault}" for fault in dict.fromkeys(contender.faults)]
        return "".join(f" [{self._number(text)}]" for text in texts)

    def _number(self, text):
        if text not in self._texts:
            self._texts.append(text)
        return self._texts.index(text) + 1

    def lines(self):
        return ["", *(f"[{number}] {text}  " for number, text in enumerate(self._texts, 1))] if self._texts else []
