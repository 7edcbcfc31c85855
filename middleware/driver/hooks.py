"""Finds and calls the hook of a profile: one pure function, by name, from hooks.py beside the profile or a package.

A hook is code of whoever wrote the profile, and runs with our rights: the folder of the site's drivers deserves the
same care as its settings. What it may do to what was read is bounded here: it gives an Envelope again, makes no
patient's result of a control's, and leaves no result out in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from middleware.driver.profile import Profile
from middleware.errors import DriverError
from middleware.model import Envelope, Fault, SampleRole

HOOKS_FILE = "hooks.py"
_HOOKS_MODULE = "hooks"

Hook = Callable[[Envelope], Envelope]


def hook_of(profile: Profile) -> Hook | None:
    """The hook that the profile names, guarded; None when it names none. DriverError when it cannot be found."""
    name = profile.hook.decoded
    if name is None:
        return None
    module_name, _, function_name = name.partition(":")
    try:
        module = _module(module_name, profile)
        function = getattr(module, function_name)
    except Exception as error:  # a module may raise anything while it is loaded
        raise DriverError(
            f"the hook {name} cannot be loaded: {type(error).__name__}: {error}",
            what_to_do=f"Put the function into {HOOKS_FILE} beside the profile, or install its package.",
        ) from error
    if not callable(function):
        raise DriverError(
            f"the hook {name} is no function",
            what_to_do="Name a function that takes an Envelope and returns one.",
        )
    return _guarded(name, function)


def _module(name: str, profile: Profile) -> ModuleType:
    if name != _HOOKS_MODULE:
        return import_module(name)
    if profile.folder is None:
        raise FileNotFoundError(f"the profile came without a folder, so there is no {HOOKS_FILE}")
    return _load(profile.folder / HOOKS_FILE, profile.id)


def _load(path: Path, driver_id: str) -> ModuleType:
    """The file as a module of its own: two drivers may both have a hooks.py."""
    spec = spec_from_file_location(f"labwire_hooks_{driver_id}", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(str(path))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _guarded(name: str, function: Callable[[Envelope], object]) -> Hook:
    def call(envelope: Envelope) -> Envelope:
        try:
            changed = function(envelope)
        except Exception as error:  # a third party's code may raise anything
            raise _refused(name, f"failed: {type(error).__name__}: {error}") from error
        if not isinstance(changed, Envelope):
            raise _refused(name, f"returned {type(changed).__name__} and no Envelope")
        _check_roles(name, envelope, changed)
        missing = len(envelope.results) - len(changed.results)
        if missing <= 0:
            return changed
        fault = Fault(code="hook_left_out", text=f"the hook {name} left out results: {missing}")
        return changed.model_copy(update={"faults": (*changed.faults, fault)})

    return call


def _check_roles(name: str, before: Envelope, after: Envelope) -> None:
    """Any mark of a control makes a control; no hook undoes that."""
    controls = {one.source for one in before.results if one.specimen.role is not SampleRole.PATIENT}
    for result in after.results if controls else ():
        if result.specimen.role is SampleRole.PATIENT and result.source in controls:
            raise _refused(name, "makes a patient's result of a control's")


def _refused(name: str, why: str) -> DriverError:
    return DriverError(
        f"the hook {name} {why}",
        what_to_do="Mend the hook or take it out of the profile; then replay the message.",
    )
