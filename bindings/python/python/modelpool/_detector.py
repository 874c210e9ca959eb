"""Finding out what a model can do."""

from __future__ import annotations

from ._errors import InvalidValueError
from ._native import ModelCapabilities, ModelConfig
from ._pool import ModelPool
from ._providers import LLMProvider, PoolProvider, ProviderFactory


class CapabilityDetector:
    """Asks a model by small real calls what it can do."""

    @staticmethod
    async def detect(
        provider: LLMProvider | ModelConfig,
        *,
        token_budget: int | None = None,
        probes: list[str] | None = None,
    ) -> ModelCapabilities:
        """What is known of the model afterwards: what was probed, laid over what was declared.

        ``provider`` is what `ProviderFactory.create_provider` made, a provider of your own, or a `ModelConfig`.
        At most ``token_budget`` tokens are used (20,000 unless given).
        """
        if isinstance(provider, ModelConfig):
            provider = ProviderFactory.create_provider(provider)
        if isinstance(provider, PoolProvider):
            return await _asked(provider.pool, provider.alias, token_budget, probes)
        if not hasattr(provider, "generate_stream"):
            raise InvalidValueError(f"provider: expected an LLMProvider or a ModelConfig, got {provider!r}")
        own, config = provider, getattr(provider, "config", None)
        # One that no pool has made is asked in a pool of its own.
        name = f"detected-{id(own)}"
        ProviderFactory.register(name, lambda config: own)
        try:
            pool = ModelPool().add(
                config.alias if config is not None else "detected",
                provider=name,
                model_name=config.model_name if config is not None else type(own).__name__,
                capabilities=config.capabilities if config is not None else ModelCapabilities(),
            )
            return await _asked(pool, pool.aliases()[0], token_budget, probes)
        finally:
            ProviderFactory.unregister(name)


async def _asked(pool: ModelPool, alias: str, token_budget: int | None, probes: list[str] | None) -> ModelCapabilities:
    await pool.detect(alias, token_budget=token_budget, probes=probes)
    found = pool.get(alias)
    if found is None:
        raise InvalidValueError(f"the model `{alias}` was removed while it was asked")
    return found.capabilities
