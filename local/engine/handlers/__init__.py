"""The resource types of the emulated AWS: every module here registers its handlers."""

import importlib
import pkgutil

from local.engine.handlers.base import HANDLERS

__all__ = ["HANDLERS"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
