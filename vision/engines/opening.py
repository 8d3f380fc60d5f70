"""From settings to an engine: a server elsewhere, or a model that is loaded here."""

from __future__ import annotations

from vision.engines.engine import Engine
from vision.pictures.writing import warm_up
from vision.settings import Settings, load_settings


def open_engine(settings: Settings | None = None) -> Engine:
    """The engine that ``settings`` (else the environment) ask for: a server, or a model that is loaded here."""
    settings = settings or load_settings()
    if settings.writing != "off":
        warm_up()
    if settings.engine_url:
        from vision.engines.remote.engine import RemoteEngine

        return RemoteEngine(settings.engine_url, settings.engine_key.get_secret_value(), settings.engine_model, settings.engine_quiet_s)
    from vision.engines.loading import load
    from vision.engines.local.computing import computed
    from vision.engines.local.engine import LocalEngine

    return computed(lambda: LocalEngine(load(settings), settings.reuse_mb << 20, compiling=settings.compile))


def rival_of(settings: Settings) -> Settings | None:
    """The settings of the model that answers are compared with: the one that is set, else the model without its adapter."""
    from vision.engines.checkpoints import adapter_of

    here = {"engine_url": ""}
    if settings.compare:
        return settings.model_copy(update=here | {"model": settings.compare, "adapter": ""})
    return settings.model_copy(update={"adapter": "none"}) if adapter_of(settings) and not settings.engine_url else None
