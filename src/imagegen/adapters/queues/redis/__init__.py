"""The doorbell and the announcements of many processes, over Redis or Valkey. Importing this imports SAQ."""

from imagegen.adapters.queues.redis.connection import connect
from imagegen.adapters.queues.redis.events import RedisEvents
from imagegen.adapters.queues.redis.saq import SaqQueue

__all__ = ["RedisEvents", "SaqQueue", "connect"]
