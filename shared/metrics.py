"""Counters of a service, for Prometheus: events, turns, and the time of each step of a turn."""

from prometheus_client import Counter, Histogram, start_http_server

INPUTS = Counter("tessera_inputs_total", "Inputs taken", ["service"])
FACTS = Counter("tessera_facts_total", "Facts written", ["service"])
VOID = Counter("tessera_void_records_total", "Void records met while reading back", ["service"])
QUARANTINED = Counter(
    "tessera_quarantined_total", "Records set aside, each copy counted", ["service", "reason"]
)
TURNS = Counter("tessera_turns_total", "Turns that took an input", ["service"])
STEP = Counter("tessera_step_seconds_total", "Time by step of the turn", ["service", "step"])
TURN = Histogram(
    "tessera_turn_seconds",
    "Time of a turn from poll to answer",
    ["service"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)


class ServiceMeter:
    """See `shared.stream.turn.Meter`."""

    def __init__(self, service: str) -> None:
        self.inputs = INPUTS.labels(service)
        self.facts = FACTS.labels(service)
        self.void = VOID.labels(service)
        self.turns = TURNS.labels(service)
        self.turn = TURN.labels(service)
        self.service = service
        self.steps: dict[str, float] = {}

    def step(self, name: str, seconds: float) -> None:
        """See `Meter.step`."""
        self.steps[name] = seconds
        STEP.labels(self.service, name).inc(seconds)

    def turned(self, inputs: int, facts: int, void: int) -> None:
        """See `Meter.turned`."""
        self.inputs.inc(inputs)
        self.facts.inc(facts)
        self.void.inc(void)
        self.turns.inc()
        self.turn.observe(sum(self.steps.values()) - self.steps.get("poll", 0.0))


def serve_metrics(host: str, port: int) -> None:
    """Serve this process's counters on an address of this machine; port 0 serves none."""
    if port:
        start_http_server(port, addr=host)
