"""Timers alone."""

from __future__ import annotations

import unittest

from pyproctest_worker.timers import Timers


class TimersCase(unittest.TestCase):
    def test_due_timers_are_called_in_order_and_others_are_not(self) -> None:
        timers = Timers()
        called: list[object] = []
        timers.set(-1.0, called.append, "later")
        timers.set(-2.0, called.append, "first")
        timers.set(3600.0, called.append, "never")
        dropped = timers.set(-1.5, called.append, "dropped")
        timers.drop(dropped)
        timers.call_due()
        self.assertEqual(called, ["first", "later"])
        self.assertTrue(timers)

    def test_dropped_timers_do_not_pile_up(self) -> None:
        timers = Timers()
        kept = timers.set(3600.0, print, None)
        for _ in range(10_000):
            timers.drop(timers.set(7200.0, print, None))
        self.assertLess(len(timers), 200)
        self.assertEqual(timers.next(), kept.time)


if __name__ == "__main__":
    unittest.main()
