"""Downloads, from a server on the loopback interface."""

import hashlib
import http.server
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from parzen.datasets.download import Remote, cache_folder, fetch
from parzen.errors import DataError

BODY = bytes(range(256)) * 1000


class Handler(http.server.BaseHTTPRequestHandler):
    """Sends BODY in the ways that servers go wrong."""

    def do_GET(self):
        self.server.requests.append(self.path)
        behaviour = self.path.strip("/").split("-")[0]
        if behaviour == "missing":
            self.send_error(404)
            return
        self.send_response(200)
        body = BODY[::-1] if behaviour == "wrong" else BODY
        if behaviour != "endless":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if behaviour == "early":
            self.wfile.write(body[:1000])
        elif behaviour == "endless":
            try:
                for _ in range(200):  # 51 MB
                    self.server.sent += self.wfile.write(body)
            except ConnectionError:
                pass
        else:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextmanager
def serving() -> Iterator[http.server.HTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.sent = [], 0
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as server:
        yield server


def remote(server, name: str, body: bytes = BODY) -> Remote:
    url = f"http://127.0.0.1:{server.server_address[1]}/{name}"
    return Remote(url, hashlib.sha256(body).hexdigest(), len(body))


def test_files_that_are_there_are_not_fetched_again(server, tmp_path, capsys, caplog):
    folder = tmp_path / "new" / "folder"
    remotes = (remote(server, "good-1"), remote(server, "good-2"))
    fetch(remotes[:1], folder)
    fetch(remotes, folder)
    assert server.requests == ["/good-1", "/good-2"]
    assert sorted(path.name for path in folder.iterdir()) == ["good-1", "good-2"]
    assert (folder / "good-2").read_bytes() == BODY
    assert capsys.readouterr().out == ""  # stdout belongs to results
    assert caplog.messages == []  # nothing of pooch's own


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("wrong", "sent a file that does not have the published SHA-256"),
        ("missing", "answered 404"),
        ("early", "the connection to .* failed"),
        ("endless", "sends more than the 256000 bytes of the published file"),
    ],
)
def test_what_goes_wrong_leaves_no_file(name, problem, server, tmp_path):
    with pytest.raises(DataError, match=problem):
        fetch((remote(server, name),), tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert len(server.requests) == 1
    assert server.sent < 20_000_000  # cut off, whatever the socket buffers hold


def test_connection_refused_is_said_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]  # bound, not listening
        start = time.monotonic()
        with pytest.raises(DataError, match=f"the connection to http://127.0.0.1:{port}/x failed"):
            fetch((Remote(f"http://127.0.0.1:{port}/x", "00", 1),), tmp_path)
        assert time.monotonic() - start < 5


def test_a_server_that_says_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("parzen.datasets.download._TIMEOUT", 0.2)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x"
        with pytest.raises(DataError, match="did not answer in time"):
            fetch((Remote(url, "00", 1),), tmp_path)


def test_a_folder_that_cannot_be_written(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file.folder cannot be written \(Not a directory\)"):
        fetch((remote(server, "good"),), tmp_path / "file" / "folder")


def test_a_bar_is_drawn_on_a_terminal(server, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    fetch((remote(server, "good"),), tmp_path)
    assert "good" in terminal.getvalue()
    assert "256.0/256.0 kB" in terminal.getvalue()


def test_the_cache_folder_follows_the_platform(no_data):
    assert cache_folder() == no_data
