"""The settings of a network in JSON types, as a Keras archive holds them, and back.

Of functions, classes and objects, an archive holds only names: those of this package's own parts,
and those under which `keras.saving.register_keras_serializable` has registered others.
"""

import inspect
from collections.abc import Mapping
from typing import Any

import keras

from ..config import Config
from ..config_rules.derived import DERIVED
from ..config_rules.part_names import named, part_of_package
from ..runs.settings import as_json, holds_objects, restored

# Settings whose values may be functions, classes or objects, and are parts of the network.
_PARTS = ("BACKBONE", "COMPUTE_BACKBONE_SHAPE", "HEADS", "ROI_POOLER")
# The key of a registered function or class.
_NAME = "registered"


def stored(config: Config) -> dict[str, Any]:
    """All settings of a `config` that decide its network, by name, in JSON types.

    An OPTIMIZER that is a function is left out, because the network does not need it, and so are
    objects that a subclass of `Config` has added.

    Args:
        config: not changed.

    Raises:
        ValueError: a setting is a function or an object that is not registered.

    Example:
        >>> from mrcnn.config import Config
        >>> from mrcnn.network import stored_settings
        >>> stored_settings.stored(Config.from_dict({"HEADS": ("box",)}))["HEADS"]
        ['box']
    """
    found = {}
    for name, value in config.to_dict().items():
        if name in _PARTS:
            found[name] = _stored_part(name, named(name, value))
            continue
        plain = as_json(value)
        if not holds_objects(plain):
            found[name] = plain
        elif hasattr(Config, name) and name != "OPTIMIZER":
            raise ValueError(_not_stored(name, value))
    return found


def config_of(settings: Mapping[str, Any], own: Mapping[str, Any], where: str) -> Config:
    """The configuration that `stored` described.

    Args:
        settings: from `stored`, those that `Config` has.
        own: from `stored`, those that a subclass of `Config` had added.
        where: what holds the settings, for messages.

    Returns:
        A plain `Config`. `graph.build` finds out whether it can work.

    Raises:
        ValueError: a setting is unknown, cannot be assigned, or needs a function, a class or an
            object that is not registered.
    """
    if unknown := [name for name in settings if not is_known(name)]:
        raise ValueError(
            f"{where}: this version has no setting {', '.join(unknown)}: it was written by another "
            "one."
        )
    made = {name: _part(name, value) for name, value in settings.items() if name in _PARTS}
    advice = "import the module that registers it"
    return restored({**own, **settings, **made}, where=where, advice=advice)


def is_known(name: str) -> bool:
    """Whether `Config` itself has a setting of that `name`.

    Example:
        >>> from mrcnn.network.stored_settings import is_known
        >>> is_known("NUM_CLASSES"), is_known("BATCH_SIZE"), is_known("MY_SETTING")
        (True, True, False)
    """
    return hasattr(Config, name) or name in DERIVED


def _stored_part(setting, value):
    if isinstance(value, list | tuple):
        return [_stored_part(setting, entry) for entry in value]
    plain = as_json(value)
    if not holds_objects(plain):
        return plain
    if part_of_package(setting, getattr(value, "__name__", "")) is value:
        return plain
    kind = value if _has_name(value) else type(value)
    name = keras.saving.get_registered_name(kind)
    if keras.saving.get_registered_object(name) is not kind:
        raise ValueError(_not_stored(setting, value))
    if _has_name(value):
        return {_NAME: name}
    try:
        return keras.saving.serialize_keras_object(value)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(f"{setting} cannot be stored in a Keras archive: {error}.") from error


def _part(setting, value):
    """The inverse of `_stored_part`; names of this package's parts stay as they are."""
    if isinstance(value, list):
        return [_part(setting, entry) for entry in value]
    if not isinstance(value, dict):
        return value
    if set(value) != {_NAME}:
        return keras.saving.deserialize_keras_object(value)
    part = keras.saving.get_registered_object(value[_NAME])
    if part is None:
        raise ValueError(
            f"{setting} is {value[_NAME]}, which is not registered: import the module that "
            "registers it."
        )
    return part


def _has_name(value):
    return inspect.isclass(value) or inspect.isfunction(value)


def _not_stored(setting, value):
    if _has_name(value):
        text = f"the {'class' if inspect.isclass(value) else 'function'} {value.__qualname__}"
        what = "it"
    else:
        text, what = f"an object of {type(value).__qualname__}", "its class"
    return (
        f"{setting} is {text}, of which a Keras archive can hold only a name: register {what} with "
        "@keras.saving.register_keras_serializable(), or write the weights alone with "
        "save_weights()."
    )
