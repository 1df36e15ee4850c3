"""The experiment: how likely are images that a density has not seen?

    settings.py   what was asked for, checked              Settings
    protocol.py   the steps, in their order                run(settings, watch) -> Outcome
    peers.py      the same numbers from other packages     check(...) -> PeerCheck
    machine.py    what it ran on                           describe() -> dict
    output.py     the files, all or none                   Folder, csv, json
    report.py     the page that a person reads             report(outcome) -> HTML
    terminal.py   what the terminal shows meanwhile        Bars, summary tables

`protocol` computes and neither prints nor writes; the rest only show what it returns.
"""
