from typing import Any
def gradient(f: Any, varargs: Any, **k: Any) -> Any:
    return NotImplemented
