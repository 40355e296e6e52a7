"""``hetengine doctor`` for OpenCL: from import to event times, each step with its remedy."""

from __future__ import annotations

from hetengine.backend import Check
from hetengine_opencl import icd

_PYOPENCL = 'pip install "hetengine[opencl]"'
_RUNTIME = 'pip install "hetengine[opencl-cpu]"'
_MICROSECONDS = 1e6


def checks() -> list[Check]:
    """Return the steps in order; those after a failure that rules them out are left out."""
    try:
        import pyopencl as cl
    except ModuleNotFoundError as error:
        absent = error.name == "pyopencl"
        detail = "pyopencl is not installed (optional)" if absent else str(error)
        return [Check("import", False, detail, _PYOPENCL, absent=absent)]
    except ImportError as error:
        reinstall = "pip install --force-reinstall pyopencl"
        return [Check("import", False, " ".join(str(error).split()), reinstall)]
    found = [Check("import", True, f"pyopencl {cl.VERSION_TEXT}")]
    found += [_driver(each) for each in icd.drivers()]
    if not icd.platforms():
        detail = "no driver offers a platform"
        return [*found, Check("platforms", False, detail, _RUNTIME)]
    names = ", ".join(f"{p.name.strip()} ({p.version.strip()})" for p in icd.platforms())
    return [*found, Check("platforms", True, names), *_devices()]


def _driver(driver: icd.Driver) -> Check:
    if not driver.reason:
        return Check(f"driver {driver.name}", True, driver.library)
    remedy = _RUNTIME if driver.name == icd.RUNTIME_PACKAGE else f"reinstall {driver.library}"
    return Check(f"driver {driver.name}", False, driver.reason, remedy)


def _devices() -> list[Check]:
    from hetengine_opencl.found import found, probed

    results: list[Check] = []
    for number, each in enumerate(found()):
        seen, title = probed(number), f"device {number}"
        if seen.reason:
            remedy = f"install another driver: {_RUNTIME}"
            results.append(Check(title, False, f"{each.name}: {seen.reason}", remedy))
            continue
        launch = seen.launch_seconds * _MICROSECONDS
        detail = f"{each.name}: a kernel builds, runs and answers right; {launch:.0f} us a launch"
        results.append(Check(title, True, detail))
        said = "as the host's" if seen.times_sane else "not within the host's; the host's are used"
        results.append(Check(f"{title} event times", True, said))
    if not results:
        results.append(Check("devices", False, "no platform offers a device", _RUNTIME))
    return results
