"""Sizes of what torch operations allocate, for tests that bound memory by structure, not time."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


class Allocations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Record the bytes of every new storage that an operation returns while this is active."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.sizes: list[int] = []
        self.dtypes: set[torch.dtype] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        known = {_address(value) for value in [*args, *kwargs.values()]}
        result = func(*args, **kwargs)
        for value in result if isinstance(result, tuple | list) else [result]:
            if isinstance(value, Tensor) and _address(value) not in known:
                self.sizes.append(value.untyped_storage().nbytes())
                self.dtypes.add(value.dtype)
        return result

    @property
    def largest(self) -> int:
        """Bytes of the largest new storage."""
        return max(self.sizes)


def _address(value: Any) -> int:
    return value.untyped_storage().data_ptr() if isinstance(value, Tensor) else -1
