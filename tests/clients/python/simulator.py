"""The control face of the simulated upstream: queue a fault, look at what was asked."""

import json
import time
import urllib.request

# Loopback, whatever proxies the environment names.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Simulator:
    def __init__(self, url):
        self._url = url

    def fail(self, model, times=1, **fault):
        """Lets the next calls of a model fail; `fault` has a `kind` and its options."""
        self._send("/faults", {"model": model, "times": times, "fault": fault})

    def frame(self, model, times=1, **framing):
        """Lays the next streams of a model into writes in another way."""
        self._send("/faults", {"model": model, "times": times, "framing": framing})

    def requests(self, model):
        """What was asked of a model, the oldest first."""
        records = self._send("/requests")["requests"]
        return [record for record in records if record["model"] == model]

    def wait_for_outcome(self, model, outcome, seconds=10.0):
        """Waits until the last request of a model has ended like this; answers the record."""
        deadline = time.monotonic() + seconds
        while True:
            records = self.requests(model)
            if records and records[-1]["outcome"] == outcome:
                return records[-1]
            if time.monotonic() > deadline:
                last = records[-1]["outcome"] if records else "no request"
                raise AssertionError(f"{model}: waited for {outcome}, but there is {last}")
            time.sleep(0.02)

    def _send(self, path, order=None):
        body = None if order is None else json.dumps(order).encode()
        with _direct.open(urllib.request.Request(self._url + path, data=body), timeout=10) as answer:
            return json.load(answer)
