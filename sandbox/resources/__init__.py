"""What Stripe's API knows, one file a resource. Each registers its routes on import."""

import importlib
import pkgutil


def load() -> None:
    """Import every resource of this folder."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
