"""nginx with deploy/nginx.conf on loopback: only addresses, certificate and paths are other ones. For tests and for the bench."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from bench.servers import ROOT, free_port, stop_group, tree, used

NAME = "news.example"
SBIN = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin"  # not on everybody's PATH
# What Debian's nginx.conf puts around the files of conf.d, as far as it matters here.
AROUND = """{user}
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
daemon off;
events {{ worker_connections 768; }}
http {{
    sendfile on;
    tcp_nopush on;
    types_hash_max_size 2048;
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/wellspring.conf;
}}
"""


def missing() -> str:
    """What this machine lacks to run it; empty when it has all."""
    return " and ".join(name for name in ("nginx", "openssl") if shutil.which(name, path=SBIN) is None)


class Front:
    """A running nginx before the application on ``behind``, a port of loopback; a context manager that stops it.

    ``tls`` and ``plain`` are its ports for HTTPS and HTTP, on 127.0.0.1 and (in place of IPv6) 127.0.0.2.
    """

    def __init__(self, behind: int) -> None:
        self.behind, self.tls, self.plain = behind, free_port(), free_port()
        self.url = f"https://127.0.0.1:{self.tls}"
        self.folder = Path(tempfile.mkdtemp(prefix="wellspring-front-"))
        self.certificate = self.folder / "fullchain.pem"
        self.process: subprocess.Popen[bytes] | None = None

    def configuration(self) -> str:
        """deploy/nginx.conf with the places of this machine. Each of them must be in it, or it is not the file we think."""
        text = (ROOT / "deploy" / "nginx.conf").read_text()
        places = {
            "listen 80;": f"listen 127.0.0.1:{self.plain};",
            "listen [::]:80;": f"listen 127.0.0.2:{self.plain};",
            "listen 443 ": f"listen 127.0.0.1:{self.tls} ",
            "listen [::]:443 ": f"listen 127.0.0.2:{self.tls} ",
            "server 127.0.0.1:8000;": f"server 127.0.0.1:{self.behind};",
            f"/etc/letsencrypt/live/{NAME}/": f"{self.folder}/",
            "/var/cache/nginx-wellspring ": f"{self.folder}/cache ",
            "/var/log/nginx/": f"{self.folder}/",
            "/srv/wellspring/static/": f"{ROOT}/static/",
        }
        for shipped, here in places.items():
            if shipped not in text:
                raise RuntimeError(f"deploy/nginx.conf has no {shipped!r}")
            text = text.replace(shipped, here)
        return text

    def __enter__(self) -> "Front":
        user = "user root;" if os.geteuid() == 0 else ""
        (self.folder / "wellspring.conf").write_text(self.configuration())
        (self.folder / "nginx.conf").write_text(AROUND.format(user=user, folder=self.folder))
        words = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={NAME} -addext subjectAltName=DNS:{NAME}"
        keys = ["-keyout", str(self.folder / "privkey.pem"), "-out", str(self.certificate)]
        subprocess.run([*words.split(), *keys], check=True, capture_output=True)
        self.process = subprocess.Popen(self._command(), start_new_session=True)
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.tls), timeout=1):
                return self
            time.sleep(0.05)
        self.__exit__()
        raise RuntimeError("nginx did not start: its own words are above")

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            stop_group(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _command(self, *more: str) -> list[str]:
        return [shutil.which("nginx", path=SBIN) or "nginx", "-e", "stderr", "-c", str(self.folder / "nginx.conf"), *more]

    def check(self) -> str:
        """What ``nginx -t`` says of it; raises RuntimeError when it is refused."""
        done = subprocess.run(self._command("-t"), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stderr

    def log(self, name: str = "wellspring.log") -> str:
        """What it has written into one of its logs so far."""
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def cpu_seconds(self) -> float:
        """User and system time of nginx so far, in seconds."""
        assert self.process is not None
        return used(tree(self.process.pid))
