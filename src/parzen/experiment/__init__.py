"""The experiment: how likely are images that a density has not seen?

    settings.py   what was asked for, checked              Settings
    protocol.py   the steps, in their order                run(settings, watch) -> Outcome
    peers.py      the same numbers from other packages     check(...) -> PeerCheck
    machine.py    what it ran on                           machine() and versions() -> dict
    output.py     the files, all or none                   claim, files, write
    report.py     the page that a person reads             report(outcome, pictures) -> HTML
    page.py       the HTML that it is made of              document, rows, figure
    terminal.py   what the terminal shows meanwhile        Bars, summary tables
    wording.py    numbers and times in words, for both     number, duration, with_error, …

`protocol` computes and neither prints nor writes; the rest only show what it returns.
"""
