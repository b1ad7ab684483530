"""Several hosts that train one policy: how they meet, agree, and notice that one is gone.

In: the address of host 0, and which host this is. Out: a ``Team``, through which the hosts tell
each other small things, and JAX's processes joined to one (``jax.distributed``), through which
``parallel`` averages gradients. Neighbours: ``commands.train`` brings the hosts together,
``train`` and ``learner`` ask the team.

The hosts meet over plain sockets before JAX does: it ends a process by a C++ abort if a host is
missing, has another's number, or dies; and its collectives give up on a host that is busy with an
evaluation. What the hosts say to each other is JSON, which runs no code.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from multiprocessing.connection import Connection, wait
from typing import Any

import jax

from deepracer_fast import __version__
from deepracer_fast.checks.arrays import Array
from deepracer_fast.errors import ConfigError, HostLostError

MEETING_SECONDS = 300.0  # jax.distributed waits as long
GREETING_SECONDS = 10.0  # in which whoever connects must say who it is
RETRY_SECONDS = 0.2
FAREWELL_SECONDS = 5.0  # from a collective that fails to the end of the host that made it fail
KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 6}
"""A host without power is noticed after 45 s; one whose process ended at once."""

_ADDRESS = re.compile(r"\[?([\w.:-]+?)\]?:(\d{1,5})")


@dataclass(frozen=True)
class Invitation:
    """Where the hosts meet, and which one this is.

    Attributes:
        coordinator: ``HOST:PORT`` of host 0, as the others reach it.
        num_hosts: 2 or more.
        host_id: 0 up to ``num_hosts`` - 1.

    Raises:
        ConfigError: one of them cannot be used.
    """

    coordinator: str
    num_hosts: int
    host_id: int

    def __post_init__(self) -> None:
        match = _ADDRESS.fullmatch(self.coordinator)
        if match is None or not 1 <= int(match[2]) <= 65535:
            raise ConfigError(
                f"--coordinator must be HOST:PORT of host 0, got {self.coordinator!r}"
            )
        if self.num_hosts < 2:
            raise ConfigError(
                f"--num-hosts must be at least 2, got {self.num_hosts}; one host needs no options"
            )
        if not 0 <= self.host_id < self.num_hosts:
            raise ConfigError(f"--host-id must lie in 0..{self.num_hosts - 1}, got {self.host_id}")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.coordinator.rpartition(":")
        return host.strip("[]"), int(port)


def invitation(
    coordinator: str | None, num_hosts: int | None, host_id: int | None
) -> Invitation | None:
    """What the command line gives; None where it gives nothing.

    Raises:
        ConfigError: one of the three is missing or cannot be used.
    """
    if coordinator is None and num_hosts is None and host_id is None:
        return None
    if coordinator is None or num_hosts is None or host_id is None:
        raise ConfigError("--coordinator, --num-hosts and --host-id go together: give all three")
    return Invitation(coordinator, num_hosts, host_id)


class Team:
    """The hosts of one training, as one of them sees them.

    Attributes:
        index: of this host; host 0 leads.
        count: of all hosts.
    """

    def __init__(self, index: int = 0, count: int = 1, links: Sequence[Connection] = ()) -> None:
        self.index, self.count = index, count
        self._links = tuple(links)  # host 0's to all others in order; each other's to host 0

    @property
    def leads(self) -> bool:
        """Whether this host decides, evaluates and writes."""
        return self.index == 0

    def gather(self, value: object) -> list[Any]:
        """What every host says here, in order; all hosts get the same.

        It waits for all of them.

        Args:
            value: anything that JSON can hold; tuples come back as lists.

        Raises:
            HostLostError: one of them is gone.
        """
        if self.count == 1:
            return [value]
        if not self.leads:
            self._send(0, value)
            values: list[Any] = self._receive(0)
            return values
        values = [value, *(self._receive(host) for host in range(1, self.count))]
        for host in range(1, self.count):
            self._send(host, values)
        return values

    def share(self, name: str, number: int) -> int:
        """This host's even part of a number.

        Raises:
            ConfigError: it has none; ``name`` says what is to be shared.
        """
        if number % self.count:
            raise ConfigError(f"{name} must be a multiple of the {self.count} hosts, got {number}")
        return number // self.count

    def spreads(self, *arrays: Array) -> list[tuple[float, float]]:
        """Mean and variance of each array over all hosts; none of them is empty."""
        own = [[array.size, float(array.mean()), float(array.var())] for array in arrays]
        return [_spread(parts) for parts in zip(*self.gather(own), strict=True)]

    def check(self) -> None:
        """Looks for the reason why a collective failed.

        Raises:
            HostLostError: one of the hosts is gone.
        """
        gone = wait(self._links, FAREWELL_SECONDS) if self._links else []
        for place, link in enumerate(self._links):
            if link in gone:
                self._receive(place + 1 if self.leads else 0)

    def leave(self) -> None:
        """Ends the team; this host goes on alone."""
        for link in self._links:
            link.close()
        self.count, self._links = 1, ()

    def _send(self, host: int, value: object) -> None:
        try:
            self._link(host).send_bytes(json.dumps(value).encode())
        except OSError as error:
            raise _lost(host) from error

    def _receive(self, host: int) -> Any:
        try:
            return json.loads(self._link(host).recv_bytes())
        except (OSError, EOFError) as error:
            raise _lost(host) from error

    def _link(self, host: int) -> Connection:
        return self._links[max(host - 1, 0)]


ALONE: Team = Team()


def _spread(parts: Sequence[tuple[int, float, float]]) -> tuple[float, float]:
    """Mean and variance of several groups together; each part is a size, a mean and a variance."""
    if len(parts) == 1:
        return parts[0][1:]
    count = sum(size for size, _, _ in parts)
    mean = sum(size * own for size, own, _ in parts) / count
    square = sum(size * (variance + (own - mean) ** 2) for size, own, variance in parts)
    return mean, square / count


def _lost(host: int) -> HostLostError:
    return HostLostError(f"host {host} is gone, and its own screen says why")


@dataclass(frozen=True)
class _Card:
    """What a host says when it comes."""

    host_id: int
    num_hosts: int
    software: str


def meet(invited: Invitation) -> Team:
    """Waits until all hosts are there, then joins their JAX processes.

    JAX must not have been asked for anything before.

    Raises:
        ConfigError: host 0 cannot be reached, hosts are missing, or they do not agree.
    """
    software = f"deepracer_fast {__version__} with jax {jax.__version__}"
    card = _Card(invited.host_id, invited.num_hosts, software)
    if invited.host_id == 0:
        links, port = _receive_guests(invited, card)
    else:
        link, port = _visit(invited, card)
        links = [link]
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    host, _ = invited.address
    jax.distributed.initialize(
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        invited.num_hosts,
        invited.host_id,
        cluster_detection_method="deactivate",  # all devices of a host belong to its one process
    )
    return Team(invited.host_id, invited.num_hosts, links)


def agree(team: Team, things: Mapping[str, str]) -> None:
    """Makes sure that all hosts were given the same things, by name; every host calls it.

    Raises:
        ConfigError: on every host, if one differs from the first.
    """
    own = {name: sha256(text.encode()).hexdigest() for name, text in things.items()}
    first, *others = team.gather(own)
    for host, found in enumerate(others, start=1):
        names = dict.fromkeys((*first, *found))
        differing = [name for name in names if first.get(name) != found.get(name)]
        if differing:
            raise ConfigError(
                f"host {host} has another {', '.join(differing)} than host 0: give all hosts the "
                "same command and files"
            )


def settle() -> None:
    """On a CPU, leaves JAX's own coordinator once the devices are connected.

    It would abort the process when host 0 ends; the team's links say the same in one line. GPUs
    keep it: their collectives hang without it when a host is gone.
    """
    if jax.default_backend() == "cpu":
        jax.distributed.shutdown()


def _receive_guests(invited: Invitation, own: _Card) -> tuple[list[Connection], int]:
    """Host 0: links to all others, once they are there, and the port for JAX."""
    port = invited.address[1]
    ends = time.monotonic() + MEETING_SECONDS
    guests: dict[int, Connection] = {}
    try:
        server = _server(port)
    except OSError as error:
        raise ConfigError(
            f"--coordinator: port {port} cannot be used here: {error.strerror}; choose another one"
        ) from error
    with server:
        while len(guests) < invited.num_hosts - 1:
            server.settimeout(max(ends - time.monotonic(), 0.01))
            try:
                link = _link(server.accept()[0])
            except TimeoutError:
                missing = sorted(set(range(1, invited.num_hosts)) - guests.keys())
                raise ConfigError(
                    f"{_hosts(missing)} did not come to port {port} within {MEETING_SECONDS:.0f} "
                    "s: start the same command there with its own --host-id"
                ) from None
            card = _greeting(link)
            refusal = "" if card is None else _refusal(own, card, guests.keys())
            if card is None or refusal:
                _say(link, {"refused": refusal})
                continue
            guests[card.host_id] = link
    jax_port = _free_port()
    links = [guests[host] for host in range(1, invited.num_hosts)]
    for link in links:
        _say(link, {"port": jax_port})
    return links, jax_port


def _refusal(own: _Card, card: _Card, there: Collection[int]) -> str:
    """Why a host cannot join; empty if it can."""
    if card.num_hosts != own.num_hosts:
        return f"--num-hosts is {own.num_hosts} on host 0 and {card.num_hosts} here"
    if card.host_id in there or not 0 < card.host_id < own.num_hosts:
        return f"there is a host {card.host_id} already: give each its own --host-id"
    if card.software != own.software:
        return f"host 0 runs {own.software} and this host {card.software}: install the same"
    return ""


def _visit(invited: Invitation, card: _Card) -> tuple[Connection, int]:
    """Another host: its link to host 0, once all are there, and the port for JAX."""
    ends = time.monotonic() + MEETING_SECONDS
    link = _reach(invited, ends)
    _say(link, asdict(card))
    answer = None
    with suppress(OSError, EOFError):
        if link.poll(ends - time.monotonic()):
            answer = json.loads(link.recv_bytes())
    if answer is None:
        raise ConfigError(
            f"host 0 at {invited.coordinator} has given up before all hosts were there, and its "
            "own screen says why"
        )
    if "refused" in answer:
        raise ConfigError(answer["refused"])
    return link, answer["port"]


def _reach(invited: Invitation, ends: float) -> Connection:
    """A link to host 0, which may start later."""
    while True:
        try:
            return _link(socket.create_connection(invited.address, GREETING_SECONDS))
        except socket.gaierror as error:
            raise ConfigError(
                f"--coordinator {invited.coordinator}: unknown host ({error.strerror})"
            ) from error
        except OSError as error:
            if time.monotonic() > ends:
                raise ConfigError(
                    f"host 0 was not at {invited.coordinator} within {MEETING_SECONDS:.0f} s "
                    f"({error.strerror or error}): start it with --host-id 0, or mend the address"
                ) from error
        time.sleep(RETRY_SECONDS)


def _link(connected: socket.socket) -> Connection:
    """Messages over a socket; a peer that vanishes without a word is noticed."""
    connected.settimeout(None)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return Connection(connected.detach())


def _greeting(link: Connection) -> _Card | None:
    """Who has come; None for somebody who is not one of us."""
    with suppress(OSError, EOFError, ValueError, TypeError):
        if link.poll(GREETING_SECONDS):
            return _Card(**json.loads(link.recv_bytes(1 << 16)))
    return None


def _say(link: Connection, value: object) -> None:
    """Tells a host that may have left in the meantime; the next step would notice."""
    with suppress(OSError):
        link.send_bytes(json.dumps(value).encode())


def _server(port: int) -> socket.socket:
    """Listens on all of this host's addresses."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def _free_port() -> int:
    with _server(0) as server:
        port: int = server.getsockname()[1]
    return port


def _hosts(numbers: Sequence[int]) -> str:
    return f"host{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"
