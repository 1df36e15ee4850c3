import base64
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import numpy as np
import pytest

from parzen.experiment import protocol
from parzen.experiment.protocol import Outcome
from parzen.experiment.report import report
from parzen.experiment.settings import Settings
from parzen.experiment.wording import duration, number, per_second, power

PICTURES = {"samples.png": b"\x89PNG one", "bandwidth.png": b"\x89PNG two", "density.png": b"\x89PNG three"}


class Page(HTMLParser):
    """Collects the tags of a page, what they point to, and its text; tags must close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.tags: set[str] = set()
        self.targets: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.opened == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.targets += [
            value or "" for name, value in attributes if name in ("src", "href", "srcset", "action")
        ]
        if tag not in ("meta", "img", "br"):
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if "style" not in self.opened else ""


def words(outcome: Outcome) -> str:
    return " ".join(Page(report(outcome, PICTURES)).text.split())


def test_it_needs_nothing_beside_it(contents: dict[str, bytes]) -> None:
    text = contents["report.html"].decode()
    page = Page(text)
    assert not page.tags & {"script", "link", "iframe", "object", "embed", "base"}
    assert len(page.targets) == 3
    embedded = [base64.b64decode(target.removeprefix("data:image/png;base64,")) for target in page.targets]
    assert embedded == [contents[name] for name in ("samples.png", "bandwidth.png", "density.png")]
    assert not re.search(r"https?://|url\(|@import", text)
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text


def test_it_says_what_was_found(outcome: Outcome) -> None:
    text = words(outcome)
    for row in outcome.rows:
        if row.split != "test":
            assert number(row.mean_log_density) in text
    assert number(outcome.test.mean_log_density, 2) in text
    assert f"σ = {outcome.bandwidth:.4g}, the optimum found from a list of 8" in text
    assert "KL is not symmetric" in text
    assert "the training split is larger, and more images" in text
    assert outcome.settings.command_line() in text
    assert " ".join(outcome.plan.split()) in text
    for peer in outcome.peers:
        assert peer.peer in text
        assert " ".join(peer.note.split()) in text


def test_the_chosen_bandwidth_is_marked_and_in_order(outcome: Outcome) -> None:
    """The refined value stood last, and twice with another number of digits."""
    table = re.search(r"bandwidth σ</th>.*?</table>", report(outcome, PICTURES), re.DOTALL)
    assert table is not None
    listed = re.findall(r"<td>([\d.]+)( \(chosen\))?</td>", table[0])
    assert [float(h) for h, _ in listed] == sorted(float(h) for h, _ in listed)
    assert [h for h, mark in listed if mark] == [f"{outcome.bandwidth:.4g}"]
    assert len(listed) == 9


def test_it_counts_who_is_right(outcome: Outcome) -> None:
    own, *others = outcome.peers
    right, wrong = replace(own, peer="a", worst_error=1e-9), replace(own, peer="b", worst_error=2.0)
    refused = replace(own, peer="c", worst_error=None, mean_log_density=None, seconds=None)
    absent = replace(refused, peer="d", version=None)
    text = words(replace(outcome, peers=(own, right, wrong, wrong, refused, absent)))
    assert "Of 4 asked, 1 right, 2 wrong, 1 refused; 1 not installed." in text
    assert "None of them is installed." in words(replace(outcome, peers=(own, absent, absent)))
    assert len(others) == 5


def test_it_leaves_the_cells_of_an_absent_package_blank(outcome: Outcome) -> None:
    own = outcome.peers[0]
    gone: dict[str, None] = dict.fromkeys(
        ("version", "mean_log_density", "truth", "worst_error", "seconds", "parzen_seconds")
    )
    text = report(replace(outcome, peers=(own, replace(own, peer="gone", note="absent", **gone))), PICTURES)  # type: ignore[arg-type]
    line = text.split("<td>gone<br>")[1].split("</tr>")[0]
    assert line.count('<td class="n"></td>') == 5


def test_it_says_when_nothing_was_checked(outcome: Outcome) -> None:
    assert "Nothing was checked" in words(replace(outcome, peers=()))


def test_it_warns_of_an_optimum_at_the_edge(outcome: Outcome) -> None:
    plain = replace(outcome, refinement=None)
    assert "--refine finds it" in words(plain)
    assert "edge of the list" not in words(plain)
    below = outcome.sweep.bandwidths <= outcome.sweep.best
    values = {name: getattr(outcome.sweep, name)[below] for name in ("bandwidths", "mean_log_density")}
    edge = replace(plain, sweep=replace(outcome.sweep, **values))
    assert "The best value is at the edge of the list" in words(edge)


def test_splits_of_one_size_estimate_the_same_thing(outcome: Outcome) -> None:
    same = replace(outcome, turned=replace(outcome.turned, n_train=200, n_queries=200))
    assert "both numbers estimate the same thing" in words(same)


def test_a_missing_standard_error_is_no_number(outcome: Outcome) -> None:
    rows = {
        name: replace(getattr(outcome, name), standard_error=np.nan)
        for name in ("validation", "test", "turned")
    }
    text = words(replace(outcome, **rows))
    assert "nan" not in text
    assert "±" not in text.split("the best of the list, it would be")[0]


def test_it_escapes_what_it_is_told(outcome: Outcome) -> None:
    bad = "<script>alert('&')</script>"
    peers = (outcome.peers[0], replace(outcome.peers[1], peer=bad, version=bad, note=bad))
    settings = replace(outcome.settings, dataset=bad)
    data = replace(outcome.data, name=bad, source=bad)
    text = report(replace(outcome, peers=peers, data=data, settings=settings, plan=bad), PICTURES)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 6
    Page(text)


def test_it_is_dated(outcome: Outcome) -> None:
    assert "2 January 2031" in words(
        replace(outcome, started=datetime(2031, 1, 2, 3, 4, tzinfo=UTC))
    ).replace("02", "2")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (9e-5, "0.1 ms"), (0.00999, "10.0 ms"), (0.0123, "12 ms"), (0.9994, "999 ms"), (0.9996, "1.00 s"),
        (9.994, "9.99 s"), (9.996, "10.0 s"), (99.94, "99.9 s"), (99.96, "1 min 40 s"),
    ],
)  # fmt: skip
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text.replace(" ", "\N{NO-BREAK SPACE}")


def test_numbers() -> None:
    assert number(-13044.41094) == "−13,044.4109"
    assert number(float("nan")) == "–"
    assert number(float("-inf")) == "−∞"
    assert [power(x) for x in (0.0, 1.2e-13, 0.5, 1540.4, float("inf"))] == [
        "0", "1.2 × 10⁻¹³", "0.5", "1,540.4", "∞",
    ]  # fmt: skip
    assert per_second(4.15e7) == "41.5 million"
    assert per_second(1.5e9) == "1.50 billion"


def test_a_single_image_is_not_called_images() -> None:
    settings = Settings("digits", first=1, bandwidths=(0.5,), repeats=1, check_against=("scipy",))
    text = words(protocol.run(settings))
    assert "made from 1 training image (handwritten digits) gives 1 test image, which" in text
    assert "That is 1 pair of images" in text
    assert not re.search(r"\b1 (\w+ )?(images|pairs)\b", text)
