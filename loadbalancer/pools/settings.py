"""What can be set for a pool. Times in seconds; where a default comes from is said beside it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """Active checks. Interval, timeout and thresholds are HAProxy's (2 s, 3 down, 2 up)."""

    path: str = "/readyz"
    """Empty: the port only has to open."""
    interval: float = 2.0
    jitter: float = 0.2
    """Share of the interval by which each check comes earlier or later, so that they spread."""
    down_interval: float = 1.0
    """Interval while the instance is not up: who comes back is found sooner."""
    doubt_interval: float = 0.25
    """Interval after a failure while it is still up: HAProxy's `fastinter`."""
    timeout: float = 1.0
    fall: int = 3
    rise: int = 2
    name_prefix: str = ""
    """An instance must name itself with this, such as `orders-`: addresses get used again."""


@dataclass(frozen=True, slots=True)
class EjectSettings:
    """Passive checks. Consecutive failures, since with three instances statistics never fire."""

    failures: int = 3
    """Connections refused or broken and answers missed, in a row."""
    errors: int = 5
    """Answers with one of `statuses`, in a row (Envoy's 5)."""
    statuses: tuple[int, ...] = (500, 502, 503, 504)
    seconds: float = 5.0
    """The first time; each further ejection lasts that much longer than the one before."""
    longest: float = 60.0
    forgiven_after: float = 60.0
    """Without a new ejection for so long, the next one counts as the first."""


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """Retries. The budget is Envoy's and Finagle's: 20 %, at least 3 in 10 s; see budget.py."""

    tries: int = 3
    """Of one request, the first included; connections that were never made do not count."""
    budget: float = 0.2
    budget_min: int = 3
    hedge: bool = True
    """A late try is not hung up on while another instance is asked: the first answer counts."""
    errors: bool = True
    """An answer with one of `eject.statuses` is not passed on while another instance does better,
    but for a 503 with Retry-After: that is a decision."""
    keep_body: int = 65_536
    """Bytes of a request's body kept for another try."""


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Everything about a pool but its instances."""

    name: str
    policy: str = "round_robin"
    """`round_robin`, `least_requests` (of two choices), `random`, `hash`; see policy.py."""
    hash_on: str = "client"
    """What `hash` goes by: `client` (its address), `path`, `header:NAME` or `cookie:NAME`."""
    hash_bound: float = 1.25
    """An instance takes at most so many times its part of what is under way."""
    sticky_cookie: str = ""
    """With a name, the instance that answered first is asked again, by a cookie that we set; the
    policy chooses where that one is not up or has no room."""
    slow_start: float = 0.0
    """The weight of an instance that becomes up grows for so long from a tenth; 0: at once. (ALB:
    30 to 900 s.)"""
    zone_aware: bool = False
    """Own zone first while it has an instance that is up and has room."""
    panic: float = 0.5
    """With a smaller share up than this, checks are taken to be wrong: all that answer are used."""
    connect: float = 0.25
    """To open a connection inside one network."""
    try_seconds: float = 0.2
    """Until an answer begins, where another instance may be tried as well; as long as it is not
    known what the pool usually takes. Short, so that a hung instance costs 0.3 s from the start;
    to a slow one it costs a few hedges, since what is late is not hung up on (see `hedge`).
    Once it is known: `try_factor` times its 99th percentile, but never less than that is."""
    try_factor: float = 3.0
    try_least: float = 0.2
    try_most: float = 2.5
    deadline: float = 5.0
    """Until an answer begins, all tries together. X-Request-Timeout-Ms can only lower it."""
    stall: float = 30.0
    """Without a byte, once an answer has begun."""
    idle: float = 30.0
    """An unused connection to an instance is closed; sooner than the instance closes it."""
    max_requests: int = 512
    """Under way in the pool; more wait."""
    adaptive: bool = False
    """The limit is found out, by how long answers take (see limit.py), up to `max_requests`."""
    adaptive_least: int = 20
    """It never goes below (Netflix' default)."""
    max_waiting: int = 256
    """More are refused at once."""
    max_wait: float = 0.5
    max_connections: int = 256
    """To one instance."""
    send_proxy: bool = False
    """Its instances want to be told who the caller is: PROXY protocol version 2, in mode tcp."""
    check: CheckSettings = field(default_factory=CheckSettings)
    eject: EjectSettings = field(default_factory=EjectSettings)
    retry: RetrySettings = field(default_factory=RetrySettings)
