"""Explore the model, and every fault that may be planted in it: `python -m tests.model`."""

from time import monotonic

from tests.model.explorer import ViolationError, explore
from tests.model.sending import Fault, Model, State, is_end, wrong

began = monotonic()
explored = explore(State(), Model().steps, wrong, is_end)
print(f"{len(explored.came_from):,} states, {explored.edges:,} steps, {monotonic() - began:.0f} s: nothing is wrong")
for fault in Fault:
    try:
        explore(State(), Model(fault).steps, wrong, is_end)
    except ViolationError as error:
        print(f"\nplanted: {fault}\nfound: {error}")
    else:
        raise SystemExit(f"\nplanted and not found: {fault}")
