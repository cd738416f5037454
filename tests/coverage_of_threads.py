"""A pytest plugin of `make coverage`: of threads other than the first, coverage asks for no greenlet.

AWS is called from threads; SQLAlchemy's sessions run in greenlets, all of the first. Where coverage looks for the
greenlet in every thread, greenlet takes each thread's down when it ends, which calls back into coverage: two runs of
three never came out of that (greenlet 3.5.6, coverage 7.17.5).
"""

import threading
from collections.abc import Callable
from typing import Any

from coverage.collector import Collector

_NAME = "concur_id_func"  # by which coverage tells apart what runs in one thread


def _wanted(collector: Collector) -> Callable[[], Any] | None:
    in_the_first = threading.get_ident() == threading.main_thread().ident
    return vars(collector)[_NAME] if in_the_first else None


def _want(collector: Collector, how: Callable[[], Any] | None) -> None:
    vars(collector)[_NAME] = how


setattr(Collector, _NAME, property(_wanted, _want))
