"""`python -m tests.playground.aws [port]`: the playground's AWS as a process of its own, until interrupted."""

from __future__ import annotations

import sys
import threading

from tests.playground.aws import AwsPlayground


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    load = "--no-record" in sys.argv
    with AwsPlayground(port=port, record=not load) as aws:
        if load:
            aws.rules.seconds_between_calls = 0  # thousands of mailers share an account there
        print(aws.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
