"""The public surface: its names, their documentation, and what importing it costs."""

import inspect
import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import parzen

SRC = Path(parzen.__file__).parents[1]
MODULES = [module.name for module in walk_packages(parzen.__path__, "parzen.")]


def run(code):
    """Run code in a fresh interpreter that finds this parzen; return what it printed."""
    code = f"import sys; sys.path.insert(0, {str(SRC)!r}); {code}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_names():
    assert parzen.__all__ == sorted(parzen.__all__)
    assert dir(parzen) == sorted(parzen.__all__)
    assert len(set(parzen.__all__)) == len(parzen.__all__)
    for name in parzen.__all__:
        assert getattr(parzen, name) is not None
    assert {*parzen._NAMES, *parzen._MODULES} == set(parzen.__all__) - {"__version__"}
    for name, module in parzen._NAMES.items():
        assert name in import_module(module).__all__
    assert {"KernelDensity", "sweep", "gradient", "grad", "differentiate", "datasets"} <= set(parzen.__all__)


def test_unknown_names():
    with pytest.raises(AttributeError, match="module 'parzen' has no attribute 'kernel_density'"):
        _ = parzen.kernel_density


@pytest.mark.parametrize("module", MODULES)
def test_every_all_is_true(module):
    """Whatever a module lists, it defines or imports."""
    room = import_module(module)
    for name in getattr(room, "__all__", []):
        assert hasattr(room, name), f"{module}.{name}"


@pytest.mark.parametrize("module", ["parzen", *MODULES])
def test_every_module_class_and_function_says_what_it_is(module):
    room = import_module(module)
    assert (room.__doc__ or "").strip(), module
    for name, thing in vars(room).items():
        if getattr(thing, "__module__", None) != module or name.startswith("_"):
            continue
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert (thing.__doc__ or "").strip(), f"{module}.{name}"
        if inspect.isclass(thing):
            for method, function in vars(thing).items():
                if (
                    inspect.isfunction(function)
                    and not method.startswith("_")
                    and function.__module__ == module
                ):
                    assert (function.__doc__ or "").strip(), f"{module}.{name}.{method}"


def test_importing_is_light():
    """Only NumPy and the standard library: no compiler, no SciPy, no scikit-learn, no pictures."""
    code = "import parzen; import json; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    loaded = set(json.loads(run(code)))
    heavy = {
        "numba",
        "llvmlite",
        "scipy",
        "sklearn",
        "matplotlib",
        "pandas",
        "polars",
        "rich",
        "click",
        "pooch",
    }
    assert not loaded & heavy


def test_the_estimator_needs_no_pictures():
    code = "import parzen; parzen.KernelDensity; parzen.sweep; print(any('matplotlib' in name for name in sys.modules))"
    assert run(code).strip() == "False"


def test_sweeps_need_no_scikit_learn():
    """Which takes over a second to import; the estimator inherits from it."""
    code = "import parzen; parzen.sweep; parzen.refine; import sys; print('sklearn' in sys.modules)"
    assert run(code).strip() == "False"


def test_the_reference_has_every_public_name():
    pages = sorted(
        (SRC.parent / "docs" / "reference").glob("*.md")
    )  # none where an installed parzen is tested
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    documented = set(re.findall(r"^::: parzen\.(\S+)$", text, re.MULTILINE))
    modules = {name: getattr(parzen, name) for name in parzen._MODULES}
    for name in parzen._NAMES:
        assert name in documented or not pages, name
    same = {
        f"grid.{name}"
        for name in parzen.grid.__all__
        if getattr(parzen, name, None) is getattr(parzen.grid, name)
    }
    for module, room in modules.items():
        for name in {f"{module}.{name}" for name in room.__all__} - same - {"datasets.NAMES"}:
            assert name in documented or not pages, name


def test_star_import_after_a_submodule():
    code = "import parzen.density.sweep; from parzen import *; print(KernelDensity.__name__, sweep.__name__)"
    assert run(code).split() == ["KernelDensity", "sweep"]


def test_errors_are_of_two_families():
    """Each is a ParzenError, and what a user of Python expects."""
    families = {
        "InputError": ValueError,
        "InputTypeError": TypeError,
        "DataError": Exception,
        "MemoryLimitError": MemoryError,
        "AccuracyError": ArithmeticError,
    }
    for name, family in families.items():
        assert issubclass(getattr(parzen.errors, name), family)
        assert issubclass(getattr(parzen.errors, name), parzen.errors.ParzenError)
    assert issubclass(parzen.errors.AccuracyWarning, parzen.errors.ParzenWarning)
    assert issubclass(parzen.errors.ParzenWarning, UserWarning)


def test_version_is_the_packages():
    project = SRC.parent / "pyproject.toml"  # absent where an installed parzen is tested
    text = project.read_text(encoding="utf-8") if project.exists() else ""
    found = re.search(r'^version = "(.*)"$', text, re.MULTILINE)
    assert found is None or found.group(1) == parzen.__version__
