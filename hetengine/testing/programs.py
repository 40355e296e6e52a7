"""What every device must do with a recorded sequence of launches: run all of it, and only then."""

from __future__ import annotations

import numpy as np
import pytest

from hetengine.device import Buffer, HostFunction
from hetengine.errors import UsageError
from hetengine.problems import Kind
from hetengine.program import Program, Step
from hetengine.testing.lab import Lab
from hetengine.testing.reference import BOUND
from hetengine.testing.verbs import Suite
from hetengine.work import Work

_LAUNCHES = 3


class ProgramSuite(Suite):
    """Tests of `hetengine.device.Device.record`."""

    def test_a_program_runs_its_steps_in_order(self, lab: Lab) -> None:
        """Each step sees what those before it have written, launch after launch."""
        bench = _Bench(lab)
        program = bench.program()
        assert not lab.get(bench.u).any()  # recording runs nothing
        for k in range(1, _LAUNCHES + 1):
            assert lab.run(lab.device.launch(program, program.buffers, program.work)) is None
            np.testing.assert_allclose(lab.get(bench.w), bench.after(k), rtol=1e-5)
            np.testing.assert_allclose(lab.get(bench.u), bench.matrix @ bench.after(k), rtol=1e-5)

    def test_a_program_reads_what_its_buffers_hold_when_it_runs(self, lab: Lab) -> None:
        """Copies between launches change what the next one computes."""
        bench = _Bench(lab)
        program = bench.program()
        first = lab.device.launch(program, program.buffers, program.work)
        host = lab.host.alloc("alpha", 2, np.float32)
        host.array[:] = 0.0
        still = lab.device.copy(bench.alpha, host, after=[first])
        lab.run(lab.device.launch(program, program.buffers, program.work, after=[still]))
        np.testing.assert_allclose(lab.get(bench.w), bench.after(1), rtol=1e-5)

    def test_a_program_is_one_command_with_the_work_of_all_steps(self, lab: Lab) -> None:
        """One span; buffers once each, in order of first use; work summed."""
        bench = _Bench(lab)
        program = bench.program()
        tail = (bench.p, bench.q, bench.u, bench.gap)
        assert program.buffers == (bench.values, bench.ids, bench.alpha, bench.w, *tail)
        assert program.work == Work(6.0, 40.0, 24.0, 5, "float32")
        del lab.spans[:]
        lab.run(lab.device.launch(program, program.buffers, program.work, category="step"))
        (span,) = lab.spans
        assert (span.label, span.category, span.work) == ("twice", "step", program.work)

    def test_a_program_holds_its_buffers_while_it_runs(self, lab: Lab) -> None:
        """Freed under way they live until the program has run; afterwards it is refused."""
        bench = _Bench(lab)
        program = bench.program()
        running = lab.device.launch(program, program.buffers, program.work)
        lab.device.free(bench.alpha)
        with pytest.raises(UsageError, match="alpha, it was freed"):
            lab.device.launch(program, program.buffers, program.work)
        lab.run(running)
        np.testing.assert_allclose(lab.get(bench.w), bench.after(1), rtol=1e-5)
        with pytest.raises(UsageError, match="alpha, it was freed"):
            bench.program()

    def test_programs_with_sections(self, lab: Lab) -> None:
        """A step may use a part of a buffer, which is freed as a whole."""
        bench = _Bench(lab)
        whole = lab.device.alloc("results", 128, np.float32)
        program = lab.device.record("part", [bench.norms(whole.section(256, 2))])
        assert program.buffers == (bench.values, bench.ids, whole)
        lab.run(lab.device.launch(program, program.buffers, program.work))
        expected = np.zeros(128)
        expected[64:66] = (bench.matrix**2).sum(1)
        np.testing.assert_allclose(lab.get(whole), expected)
        lab.device.free(whole)
        with pytest.raises(UsageError, match="results, it was freed"):
            lab.device.launch(program, program.buffers, program.work)

    def test_what_cannot_be_recorded_is_refused(self, lab: Lab) -> None:
        """Nothing at all, functions, programs, host arrays, other devices' buffers."""
        bench = _Bench(lab)
        kernel, args, work = bench.norms(bench.u)
        program = bench.program()
        other = lab.host.alloc("h", 2, np.float32)
        for steps, complaint in (
            ([], "has no step"),
            ([(HostFunction("plain", len), (), Work())], "plain, which was not loaded"),
            ([(program, program.buffers, Work())], "twice, which was not loaded"),
            ([(kernel, (*args[:-1], np.zeros(2, np.float32)), work)], "an array of the host"),
            ([(kernel, (*args[:-1], other), work)], "h, which is on host"),
        ):
            with pytest.raises(UsageError, match=complaint):
                lab.device.record("wrong", steps)

    def test_a_program_wants_its_own_buffers(self, lab: Lab) -> None:
        """Launched without them nothing would hold them."""
        program = _Bench(lab).program()
        with pytest.raises(UsageError, match=r"pass program\.buffers"):
            lab.run(lab.device.launch(program, (), program.work))


class _Bench:
    """Two columns, w += A alpha and then u = A^T w: steps whose order shows."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.matrix = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, -1.0]], np.float32)
        weights = np.array([0.5, -2.0], np.float32)
        self.values = lab.put(self.matrix, "values")
        self.ids = lab.put(np.arange(2), "ids")
        self.alpha = lab.put(weights, "alpha")
        self.w = lab.put(np.zeros(3, np.float32), "w")
        self.p, self.q, self.u, self.gap = (
            lab.put(np.zeros(2, np.float32), name) for name in ("p", "q", "u", "gap")
        )
        self._step = weights @ self.matrix

    def after(self, launches: int) -> np.ndarray:
        """Return w after so many launches."""
        return launches * self._step

    def norms(self, out: Buffer) -> Step:
        """Return a step: the squared norms of the columns."""
        kernel = self.lab.device.load("dense_square_norms")
        return kernel, (self.values, self.ids, out), Work(3.0, 12.0, 4.0, 1)

    def program(self) -> Program:
        """Record: add to w, then take its products with the columns."""
        device = self.lab.device
        add = (self.values, self.ids, self.alpha, 1.0, self.w)
        rest = (self.w, self.alpha, self.p, self.q, int(Kind.PENALTY), BOUND, self.u, self.gap)
        return device.record(
            "twice",
            [
                (device.load("dense_combine"), add, Work(2.0, 20.0, 12.0, 2, "float32")),
                (
                    device.load("dense_gaps"),
                    (self.values, self.ids, *rest),
                    Work(4.0, 20.0, 12.0, 3),
                ),
            ],
        )
