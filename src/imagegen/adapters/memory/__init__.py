"""The whole outside in memory: exact, deterministic, and gone with the process.

It keeps the same promises as the real adapters and is held to them by the same tests, so that what is tested with
it may be believed. `MemoryDatabase` remembers, `MemoryBlobStore` keeps bytes, `MemoryProvider` draws what it is told;
`MemoryWebhookSender` is answered what it is told; `MemoryPasswordHasher` and `MemoryTokenSigner` are quick and protect
nobody.
"""

from imagegen.adapters.memory.blobs import MemoryBlobStore
from imagegen.adapters.memory.credentials import MemoryPasswordHasher, MemoryTokenSigner
from imagegen.adapters.memory.database import MemoryDatabase
from imagegen.adapters.memory.provider import MemoryProvider, ProviderCall
from imagegen.adapters.memory.webhooks import MemoryWebhookSender

__all__ = [
    "MemoryBlobStore",
    "MemoryDatabase",
    "MemoryPasswordHasher",
    "MemoryProvider",
    "MemoryTokenSigner",
    "MemoryWebhookSender",
    "ProviderCall",
]
